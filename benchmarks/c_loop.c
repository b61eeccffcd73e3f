/* The loop of `agreement.py` without Python: one model on LiteRT's own library, nothing of dynofarm in it.
 *
 * c_loop LIBRARY MODEL INPUTS THREADS SECONDS prints the median latency of one inference and the 10th percentile, in
 * nanoseconds. INPUTS is one file with the bytes of all inputs in the model's order. All shapes must be fixed. The
 * prototypes are those that agent/runtimes/litert_capi.py binds, and the library is opened by its path: no headers are
 * needed to compile this.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct { unsigned rank : 7, has_strides : 1; int32_t dimensions[8]; uint32_t strides[8]; } Layout;
typedef struct { int element_type; Layout layout; } TensorType;
typedef struct { int tag; struct { int type; int64_t value; } value; } Option;

static void *library;

static void fail(const char *what) {
    fprintf(stderr, "c_loop: %s\n", what);
    exit(1);
}

static void *find(const char *name) {
    void *found = dlsym(library, name);
    if (!found) fail(name);
    return found;
}

#define CALL(name, ...)                                                                                      \
    do {                                                                                                     \
        int (*function)() = find("LiteRt" #name);                                                            \
        if (function(__VA_ARGS__) != 0) fail(#name);                                                         \
    } while (0)

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int by_size(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void *make_buffer(void *environment, void *tensor, void *needs) {
    TensorType type;
    void *buffer;
    CALL(GetRankedTensorType, tensor, &type);
    CALL(CreateManagedTensorBufferFromRequirements, environment, &type, needs, &buffer);
    return buffer;
}

int main(int argc, char **argv) {
    if (argc != 6) fail("LIBRARY MODEL INPUTS THREADS SECONDS");
    library = dlopen(argv[1], RTLD_NOW);
    if (!library) fail(dlerror());
    void *environment, *model, *signature, *graph, *options, *opaque, *compiled, *needs, *tensor, *address;
    Option wanted[] = {{24, {2, 1}}, {25, {2, 3}}}; /* processors only, errors only in the log */
    CALL(CreateEnvironment, 2, wanted, &environment);
    CALL(CreateModelFromFile, environment, argv[2], &model);
    CALL(GetModelSignature, model, (size_t)0, &signature);
    CALL(GetSignatureSubgraph, signature, &graph);
    char text[64];
    snprintf(text, sizeof text, "num_threads = %s\n", argv[4]);
    CALL(CreateOptions, &options);
    CALL(SetOptionsHardwareAccelerators, options, 1);
    CALL(CreateOpaqueOptions, "xnnpack", strdup(text), free, &opaque);
    CALL(AddOpaqueOptions, options, opaque);
    CALL(CreateCompiledModel, environment, model, options, &compiled);

    size_t in, out, size;
    CALL(GetNumSubgraphInputs, graph, &in);
    CALL(GetNumSubgraphOutputs, graph, &out);
    void *inputs[in], *outputs[out];
    FILE *bytes = fopen(argv[3], "rb");
    if (!bytes) fail(argv[3]);
    for (size_t i = 0; i < in; i++) {
        CALL(GetSubgraphInput, graph, i, &tensor);
        CALL(GetCompiledModelInputBufferRequirements, compiled, (size_t)0, i, &needs);
        inputs[i] = make_buffer(environment, tensor, needs);
        CALL(GetTensorBufferPackedSize, inputs[i], &size);
        CALL(LockTensorBuffer, inputs[i], &address, 1);
        if (fread(address, 1, size, bytes) != size) fail("the inputs are too short");
        CALL(UnlockTensorBuffer, inputs[i]);
    }
    fclose(bytes);
    for (size_t i = 0; i < out; i++) {
        CALL(GetSubgraphOutput, graph, i, &tensor);
        CALL(GetCompiledModelOutputBufferRequirements, compiled, (size_t)0, i, &needs);
        outputs[i] = make_buffer(environment, tensor, needs);
    }

    int (*run)(void *, size_t, size_t, void **, size_t, void **) = find("LiteRtRunCompiledModel");
    size_t most = 1 << 22, count = 0;
    int64_t *latencies = malloc(most * sizeof *latencies), until = now_ns() + 500000000;
    while (now_ns() < until)
        if (run(compiled, 0, in, inputs, out, outputs) != 0) fail("RunCompiledModel");
    until = now_ns() + (int64_t)(atof(argv[5]) * 1e9);
    while (count < most && (now_ns() < until || count < 64)) {
        int64_t began = now_ns();
        run(compiled, 0, in, inputs, out, outputs);
        latencies[count++] = now_ns() - began;
    }
    qsort(latencies, count, sizeof *latencies, by_size);
    printf("%.1f %.1f\n", (latencies[(count - 1) / 2] + latencies[count / 2]) / 2.0, (double)latencies[count / 10]);
    fflush(stdout);
    _Exit(0); /* nothing that a library does at its end belongs to a measurement */
}
