"""Values for tests: whole domain objects with the few fields that a test cares about."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent.protocol import (
    Conditions,
    Facts,
    Gate,
    InputRecipe,
    JobResult,
    Memory,
    Samples,
    Timing,
)
from orchestrator.models import Model, TensorInfo
from orchestrator.runs import Job, Run, RunStatus
from orchestrator.sweep import QUICK, RuntimeChoice

MOMENT = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)


def make_facts(**changes: Any) -> Facts:
    values: dict[str, Any] = {
        "machine_id": "0" * 16,
        "board": "Raspberry Pi 4 Model B Rev 1.4",
        "cpu": "Cortex-A72",
        "architecture": "aarch64",
        "bits": 64,
        "cores": 4,
        "usable_cpus": [0, 1, 2, 3],
        "isa": ["asimd", "crc32"],
        "memory_bytes": 4 * 2**30,
        "memory_limit_bytes": None,
        "kernel": "6.1.21-v8+",
        "system": "Debian GNU/Linux 12",
        "libc": "glibc 2.36",
        "python": "3.11.2",
        "python_path": "/usr/bin/python3",
        "libstdcxx": True,
        "modules": {},
        "sensors": ["thermal", "cpufreq"],
        "nominal_clock_khz": 1_500_000,
        "user": "pi",
        "emulated": None,
    }
    return Facts(**(values | changes))


def make_conditions(**changes: Any) -> Conditions:
    values: dict[str, Any] = {
        "utc": MOMENT.isoformat(),
        "boot_id": "b",
        "uptime_s": 1000.0,
        "governor": "performance",
        "clock_khz": 1_500_000,
        "temperatures_c": {"cpu-thermal": 48.3},
        "throttle_bits": 0,
        "load_1m": 0.1,
        "procs_running": 1,
        "memory_available_bytes": 3 * 2**30,
        "swap_used_bytes": 0,
        "disk_free_bytes": 10**10,
    }
    return Conditions(**(values | changes))


def make_model(name: str = "bert", **changes: Any) -> Model:
    values: dict[str, Any] = {
        "name": name,
        "digest": (name.encode().hex() + "0" * 64)[:64],
        "path": Path(f"{name}.tflite"),
        "format": "tflite",
        "size_bytes": 1000,
        "inputs": (TensorInfo("ids", "int32", (1, 64)),),
        "outputs": (TensorInfo("logits", "float32", (1, 3)),),
        "recipes": (InputRecipe("ids", "int32", [1, 64], "integers", 0.0, 999.0),),
    }
    return Model(**(values | changes))


def make_job(job_id: str = "a" * 32, **changes: Any) -> Job:
    values: dict[str, Any] = {
        "job_id": job_id,
        "device": "kitchen",
        "model": "bert",
        "model_digest": make_model().digest,
        "runtime": RuntimeChoice("litert"),
        "threads": 1,
        "delegate": "xnnpack",
        "options": {},
        "protocol": QUICK,
        "block": 0,
        "position": 0,
        "seed": 1,
        "sample_hz": 10.0,
        "deadline_s": 60.0,
    }
    return Job(**(values | changes))


def make_result(job_id: str = "a" * 32, latencies_ns: list[int] | None = None, **changes: Any) -> JobResult:
    latencies = latencies_ns if latencies_ns is not None else [1_000_000 + 1000 * index for index in range(100)]
    values: dict[str, Any] = {
        "job_id": job_id,
        "runtime_version": "2.3.0",
        "timing": Timing(5_000_000, 2_000_000, 5, 500_000_000, True, latencies, 10**12, sum(latencies), sum(latencies)),
        "memory": Memory(20_000_000, 10_000_000, 15_000_000, None),
        "gate": Gate(2, 1e-6, 1e-3),
        "outputs_digest": "f" * 64,
        "details": {},
        "thermal_wait_s": 0.0,
        "conditions_before": make_conditions(),
        "conditions_after": make_conditions(clock_khz=1_400_000),
        "samples": Samples([0, 10**8], {"worker_rss_bytes": [1.0, 2.0], "temp_c": [None, None]}),
    }
    return JobResult(**(values | changes))


def make_run(job: Job | None = None, status: RunStatus = RunStatus.OK, **changes: Any) -> Run:
    job = job or make_job()
    values: dict[str, Any] = {
        "job": job,
        "status": status,
        "started": MOMENT,
        "finished": MOMENT,
        "result": make_result(job.job_id) if status is RunStatus.OK else None,
        "facts": make_facts(),
    }
    return Run(**(values | changes))
