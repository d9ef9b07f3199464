// Keeps zoom and camera when a figure is drawn anew with the same layout.uirevision. Plotly promises that by itself, but
// Dash draws a figure again with the zoom written into it, which Plotly then takes for the figure's own range.
(function () {
  "use strict";

  const KEPT = /^([xy]axis\d*)\.range(?:\[([01])\])?$|^(scene\d*)\.camera$/;
  const RESET = /^([xy]axis\d*)\.autorange$/;
  const zooms = new WeakMap(); // graph -> { revision, axes: axis -> range, cameras: scene -> camera }

  function remember(graph, change) {
    const zoom = zooms.get(graph);
    zoom.revision = graph.layout.uirevision;
    for (const [key, value] of Object.entries(change)) {
      const kept = KEPT.exec(key);
      const reset = RESET.exec(key);
      if (kept && kept[3]) {
        zoom.cameras[kept[3]] = value;
      } else if (kept) {
        zoom.axes[kept[1]] = kept[2] ? Object.assign([], zoom.axes[kept[1]], { [kept[2]]: value }) : value;
      } else if (reset && value) {
        delete zoom.axes[reset[1]];
      }
    }
  }

  function zoomed(graph, figure) {
    const zoom = zooms.get(graph);
    const layout = structuredClone(figure.layout);
    if (zoom && zoom.revision === layout.uirevision) {
      for (const [axis, range] of Object.entries(zoom.axes)) {
        layout[axis] = Object.assign({}, layout[axis], { range: range.slice(), autorange: false });
      }
      for (const [scene, camera] of Object.entries(zoom.cameras)) {
        layout[scene] = Object.assign({}, layout[scene], { camera: structuredClone(camera) });
      }
    } else {
      zooms.set(graph, { revision: layout.uirevision, axes: {}, cameras: {} });
    }
    return Object.assign({}, figure, { layout: layout });
  }

  function keepingZoom(plotly) {
    const react = plotly.react;
    plotly.react = function (target, figure, ...rest) {
      const graph = typeof target === "string" ? document.getElementById(target) : target;
      if (!figure || !figure.layout || figure.layout.uirevision === undefined) {
        return react.call(plotly, graph, figure, ...rest);
      }
      const isKnown = zooms.has(graph);
      const drawing = react.call(plotly, graph, zoomed(graph, figure), ...rest);
      if (!isKnown) {
        graph.on("plotly_relayout", (change) => remember(graph, change));
      }
      return drawing;
    };
    return plotly;
  }

  // Plotly is loaded when the first figure is.
  let loaded = window.Plotly && keepingZoom(window.Plotly);
  Object.defineProperty(window, "Plotly", {
    configurable: true,
    get: function () {
      return loaded;
    },
    set: function (plotly) {
      loaded = plotly && keepingZoom(plotly);
    },
  });
})();
