"use strict";
// Draws every chart of the page from the Vega-Lite spec beside it. No code is made from text (the expressions are
// interpreted), nothing is loaded, and colours come from the style sheet, so that dark mode and print change them.
(function () {
  const refuse = () => Promise.reject(new Error("this page loads nothing"));
  const views = new Map();
  const noLoader = { load: refuse, sanitize: refuse, http: refuse, file: refuse };

  async function draw(figure) {
    const box = figure.querySelector("[data-chart]");
    const source = figure.querySelector("script[type='application/json']");
    if (!box || !source || box.dataset.drawn) return;
    box.dataset.drawn = "now";
    try {
      const compiled = vegaLite.compile(fitted(JSON.parse(source.textContent), box), { logger: vega.logger(vega.Error) });
      const runtime = vega.parse(compiled.spec, null, { ast: true });
      const view = new vega.View(runtime, {
        expr: vegaInterpreter, loader: noLoader, renderer: "svg", hover: true, logLevel: vega.Error,
      });
      view.initialize(box);
      await view.runAsync();
      views.set(box, view);
      describe(box, figure);
      box.dataset.drawn = "yes";
    } catch (fault) {
      // The table below says the same: the page stays whole.
      box.dataset.drawn = "no";
      box.textContent = "This chart could not be drawn (" + fault.message + "). Its figures are in the table.";
    }
  }

  // Long names leave room for the drawing: the table has them whole.
  function fitted(spec, box) {
    const width = box.clientWidth;
    spec.config.axisY = { labelLimit: Math.round(width * 0.4) };
    if (width < 520) {
      spec.config.legend = Object.assign({}, spec.config.legend, { labelLimit: Math.round(width / 2) - 50 });
    }
    return spec;
  }

  // One picture with one description: the marks inside say nothing that the table does not say better.
  function describe(box, figure) {
    const svg = box.querySelector("svg");
    if (!svg) return;
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", figure.dataset.description || "chart");
    svg.removeAttribute("aria-roledescription");
    for (const child of svg.children) child.setAttribute("aria-hidden", "true");
  }

  async function drawAll(root) {
    for (const figure of root.querySelectorAll("figure.chart")) {
      await draw(figure);
      // Lets the browser scroll and answer keys between two charts.
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    document.documentElement.dataset.charts = "drawn";
  }

  if (document.readyState === "loading") {
    document.addEventListener("DOMContentLoaded", () => drawAll(document));
  } else {
    drawAll(document);
  }
  // htmx puts new parts into a page that is already there; what it took away must not listen on for ever.
  document.addEventListener("htmx:afterSettle", () => {
    for (const [box, view] of views) {
      if (!box.isConnected) {
        view.finalize();
        views.delete(box);
      }
    }
    drawAll(document);
  });
})();
