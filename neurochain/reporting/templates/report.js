"use strict";
(function () {
  // --- tables sort by a click on a head ---
  document.querySelectorAll(".sortable table").forEach(function (table) {
    table.querySelectorAll("thead th").forEach(function (head, column) {
      var button = head.querySelector("button");
      if (!button) return;
      button.addEventListener("click", function () {
        var up = head.getAttribute("aria-sort") === "descending";
        var body = table.tBodies[0];
        var lines = Array.from(body.rows);
        var value = function (row) {
          var cell = row.cells[column], text = cell.dataset.sort;
          if (text === undefined) text = cell.textContent.replace(/,(?=\d{3})/g, "");
          var number = parseFloat(text);
          return text === "" ? null : isNaN(number) || String(number) === "NaN" || /[^-+0-9.eE]/.test(text) ? text : number;
        };
        lines.sort(function (a, b) {
          var x = value(a), y = value(b);
          if (x === null || y === null) return (x === null) - (y === null);
          var order = typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y));
          return up ? order : -order;
        });
        table.querySelectorAll("thead th").forEach(function (other) { other.removeAttribute("aria-sort"); });
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        lines.forEach(function (row) { body.appendChild(row); });
      });
    });
  });

  // --- citation ---
  document.querySelectorAll("button.copy").forEach(function (button) {
    button.addEventListener("click", function () {
      var text = document.getElementById(button.dataset.of);
      var range = document.createRange();
      range.selectNodeContents(text);
      var selection = window.getSelection();
      selection.removeAllRanges();
      selection.addRange(range);
      var done = false;
      try { done = document.execCommand("copy"); } catch (error) { done = false; }
      button.textContent = done ? "Copied" : "Selected";
    });
  });
  window.addEventListener("beforeprint", function () {
    document.querySelectorAll("details").forEach(function (part) { part.open = true; });
  });

  // --- spike raster ---
  var canvas = document.getElementById("raster");
  var holder = document.getElementById("traces");
  if (!canvas || !holder) return;
  var traces = JSON.parse(holder.textContent);
  var choice = document.getElementById("raster-of");
  var status = document.getElementById("raster-view");
  var view = { from: 0, to: traces.steps };
  var events = traces.populations.map(function (population) {
    return population.spikes.map(function (text) {
      var bytes = atob(text), steps = [];
      for (var k = 0; k < bytes.length; k++) {
        var bits = bytes.charCodeAt(k);
        for (var j = 0; bits; j++, bits = (bits << 1) & 255) if (bits & 128) steps.push(8 * k + j);
      }
      return steps;
    });
  });
  function lines() {
    var chosen = choice.value;
    var found = [];
    traces.populations.forEach(function (population, p) {
      if (chosen !== "all" && +chosen !== p) return;
      population.shown.forEach(function (neuron, k) { found.push({ population: p, neuron: neuron, steps: events[p][k] }); });
    });
    return found;
  }
  function draw() {
    var style = getComputedStyle(document.documentElement);
    var scale = window.devicePixelRatio || 1;
    var wide = canvas.clientWidth, high = canvas.clientHeight;
    canvas.width = Math.round(wide * scale);
    canvas.height = Math.round(high * scale);
    var pen = canvas.getContext("2d");
    pen.scale(scale, scale);
    pen.clearRect(0, 0, wide, high);
    var rows = lines(), left = 4, bottom = 20, span = view.to - view.from, drawn = 0;
    var dx = (wide - left) / span, dy = (high - bottom) / Math.max(1, rows.length);
    pen.font = "11px system-ui, sans-serif";
    rows.forEach(function (row, k) {
      pen.fillStyle = style.getPropertyValue("--t" + (row.population % 10)).trim();
      var size = Math.max(1, Math.min(6, dx * 0.8)), tall = Math.max(Math.min(2, dy), Math.min(dy * 0.8, 10));
      row.steps.forEach(function (step) {
        if (step < view.from || step >= view.to) return;
        pen.fillRect(left + (step - view.from) * dx + (dx - size) / 2, k * dy + (dy - tall) / 2, size, tall);
        drawn += 1;
      });
      if (k && rows[k - 1].population !== row.population) {
        pen.fillStyle = style.getPropertyValue("--line").trim();
        pen.fillRect(0, Math.round(k * dy), wide, 1);
      }
    });
    var before = -1;
    rows.forEach(function (row, k) {
      if (row.population === before) return;
      before = row.population;
      var name = traces.populations[before].population;
      var text = name.length > 24 ? name.slice(0, 22) + "..." : name;
      pen.textBaseline = "top";
      pen.textAlign = "left";
      pen.fillStyle = style.getPropertyValue("--bg").trim();
      pen.globalAlpha = 0.8;
      pen.fillRect(2, k * dy + 2, pen.measureText(text).width + 6, 14);
      pen.globalAlpha = 1;
      pen.fillStyle = style.getPropertyValue("--t" + (before % 10)).trim();
      pen.fillText(text, 5, k * dy + 4);
    });
    pen.fillStyle = style.getPropertyValue("--soft").trim();
    pen.textBaseline = "bottom";
    pen.textAlign = "left";
    pen.fillText("step " + Math.floor(view.from), left, high - 3);
    pen.textAlign = "right";
    pen.fillText(String(Math.ceil(view.to)), wide - 3, high - 3);
    status.textContent = "steps " + Math.floor(view.from) + " to " + Math.ceil(view.to) + ", " + rows.length + " neurons, " + drawn + " spikes";
    canvas.dataset.spikes = drawn;
    canvas.dataset.from = view.from;
    canvas.dataset.to = view.to;
  }
  function show(from, to) {
    var span = Math.max(Math.min(5, traces.steps), Math.min(to - from, traces.steps));
    from = Math.max(0, Math.min(from, traces.steps - span));
    view = { from: from, to: from + span };
    draw();
  }
  function zoom(factor, at) {
    var span = view.to - view.from, centre = view.from + span * at;
    show(centre - span * factor * at, centre + span * factor * (1 - at));
  }
  function pan(part) {
    var span = view.to - view.from;
    show(view.from + part * span, view.to + part * span);
  }
  var acts = {
    "in": function () { zoom(0.5, 0.5); }, out: function () { zoom(2, 0.5); },
    left: function () { pan(-0.25); }, right: function () { pan(0.25); },
    all: function () { show(0, traces.steps); }
  };
  document.querySelectorAll("[data-raster]").forEach(function (button) {
    button.addEventListener("click", function () { acts[button.dataset.raster](); });
  });
  canvas.addEventListener("keydown", function (event) {
    var act = { "+": "in", "=": "in", "-": "out", ArrowLeft: "left", ArrowRight: "right", "0": "all" }[event.key];
    if (!act) return;
    event.preventDefault();
    acts[act]();
  });
  canvas.addEventListener("wheel", function (event) {
    if (!event.ctrlKey && !event.shiftKey && document.activeElement !== canvas) return;
    event.preventDefault();
    var box = canvas.getBoundingClientRect();
    zoom((event.deltaY || event.deltaX) < 0 ? 0.8 : 1.25, (event.clientX - box.left) / box.width);
  }, { passive: false });
  var held = null;
  canvas.addEventListener("pointerdown", function (event) {
    held = { x: event.clientX, from: view.from, to: view.to };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", function (event) {
    if (!held) return;
    var moved = (held.x - event.clientX) / canvas.clientWidth * (held.to - held.from);
    show(held.from + moved, held.to + moved);
  });
  ["pointerup", "pointercancel"].forEach(function (name) {
    canvas.addEventListener(name, function () { held = null; });
  });
  choice.addEventListener("change", draw);
  window.addEventListener("resize", draw);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  draw();
})();
