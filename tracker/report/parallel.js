/* Parallel coordinates: a line an experiment, an axis a hyperparameter. Dragging along an axis, or typing into
 * the fields below, chooses a range; who is outside all ranges fades. */

/* data, and what to call with the chosen experiments. Returns the node. */
function makeParallel(data, indices, label, choose) {
  const axes = [...indices.map((index) => ({ name: data.hyperparameters[index], of: (e) => e.values[index], ...describeValues(data, index) })),
    metricAxis(data)];
  const ranked = data.experiments.filter((e) => isNumber(e[data.split]));
  const fields = make('div', { class: 'ranges' });
  const count = make('p', { 'aria-live': 'polite' });
  const canvas = make('canvas', { class: 'brush', role: 'img', 'aria-label': label });
  const box = make('div', { class: 'scroll' }, canvas);
  const height = 300, top = 40, bottom = 24, side = 52;
  let width = 0;
  let frame = 0;

  axes.forEach((one) => { one.range = null; });
  const share = (one, value) => {
    const [low, high] = one.span;
    const at = one.type === 'logarithmic' ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
    return high > low ? at : 0.5;
  };
  const unshare = (one, at) => {
    const [low, high] = one.span;
    return one.type === 'logarithmic' ? low * (high / low) ** at : low + at * (high - low);
  };
  axes.forEach((one) => {
    const values = ranked.map((e) => one.place(one.of(e))).filter(isNumber);
    one.span = one.isNumeric ? [Math.min(...values), Math.max(...values)] : [0, one.choices.length - 1];
  });
  const isIn = (e) => axes.every((one) => {
    if (!one.range) return true;
    const value = one.place(one.of(e));
    const margin = one.type === 'logarithmic' ? 0 : 1e-9 * (one.span[1] - one.span[0]);
    return value * (1 + 1e-9) >= one.range[0] - margin && value <= one.range[1] * (1 + 1e-9) + margin;
  });
  const xOf = (i) => side + (i * (width - 2 * side)) / Math.max(1, axes.length - 1);
  const yOf = (one, value) => height - bottom - share(one, value) * (height - top - bottom);

  function strokeLine(pen, e) {
    pen.beginPath();
    let isOpen = false;
    axes.forEach((one, i) => {
      const value = one.place(one.of(e));
      if (!isNumber(value)) { isOpen = false; return; }
      if (isOpen) pen.lineTo(xOf(i), yOf(one, value));
      else pen.moveTo(xOf(i), yOf(one, value));
      isOpen = true;
    });
    pen.stroke();
  }
  function drawAxis(pen, one, i) {
    const x = xOf(i);
    pen.strokeStyle = colour('soft');
    pen.lineWidth = 1;
    pen.beginPath();
    pen.moveTo(x, top);
    pen.lineTo(x, height - bottom);
    pen.stroke();
    pen.fillStyle = colour('ink');
    pen.textAlign = 'center';
    pen.fillText(one.name.length > 18 ? `${one.name.slice(0, 17)}…` : one.name, x, 12);
    pen.fillStyle = colour('soft');
    if (one.isNumeric) {
      pen.fillText(show(one.span[1]), x, top - 8);
      pen.fillText(show(one.span[0]), x, height - bottom + 16);
    } else {
      pen.textAlign = i + 1 === axes.length ? 'right' : 'left';
      one.choices.slice(0, 12).forEach((choice, c) => pen.fillText(choice.slice(0, 14), x + (i + 1 === axes.length ? -6 : 6), yOf(one, c) - 4));
    }
    if (one.range) {
      const [from, to] = one.range.map((value) => yOf(one, Math.min(Math.max(value, one.span[0]), one.span[1])));
      pen.fillStyle = colour('band');
      pen.strokeStyle = colour('best');
      pen.fillRect(x - 8, to - 3, 16, from - to + 6);
      pen.strokeRect(x - 8, to - 3, 16, from - to + 6);
    }
  }
  function paint() {
    width = Math.max(box.clientWidth, axes.length * 112);
    const scale = window.devicePixelRatio || 1;
    canvas.width = width * scale;
    canvas.height = height * scale;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
    const pen = canvas.getContext('2d');
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.font = `12px ${getComputedStyle(document.body).fontFamily}`;
    const chosen = ranked.filter(isIn);
    const layers = [
      [ranked.filter((e) => !isIn(e)), colour('faint'), 0.6],
      [chosen.filter((e) => !e.is_tied), colour('other'), 1],
      [chosen.filter((e) => e.is_tied), colour('tied'), 1.5],
      [chosen.filter((e) => e === data.best), colour('best'), 3],
    ];
    for (const [experiments, stroke, lineWidth] of layers) {
      pen.strokeStyle = stroke;
      pen.lineWidth = lineWidth;
      experiments.forEach((e) => strokeLine(pen, e));
    }
    axes.forEach((one, i) => drawAxis(pen, one, i));
  }
  function tell() {
    const chosen = ranked.filter(isIn);
    const isBrushed = axes.some((one) => one.range);
    count.textContent = isBrushed ? `${chosen.length} of ${ranked.length} experiments are in all ranges; the ranking shows them alone.` : '';
    clear.hidden = !isBrushed;
    choose(isBrushed ? new Set(chosen) : null);
    paint();
  }
  const clear = make('button', { type: 'button', class: 'button' }, 'Clear the ranges');
  clear.addEventListener('click', () => {
    axes.forEach((one) => setRange(one, null));
    tell();
  });

  /* The fields are for the keyboard, and show what was dragged. */
  function setRange(one, range) {
    one.range = range;
    if (one.isNumeric) {
      one.inputs[0].value = range ? Number(range[0].toPrecision(4)) : '';
      one.inputs[1].value = range ? Number(range[1].toPrecision(4)) : '';
    } else {
      const inside = range ? one.choices.map((choice, i) => i).filter((i) => i >= range[0] && i <= range[1]) : [];
      one.inputs[0].value = inside.length === 1 ? inside[0] : '';
    }
  }
  function readFields(one) {
    if (!one.isNumeric) {
      const choice = one.inputs[0].value;
      one.range = choice === '' ? null : [Number(choice), Number(choice)];
    } else {
      const [from, to] = one.inputs.map((input) => input.value);
      one.range = from === '' && to === '' ? null : [from === '' ? -Infinity : Number(from), to === '' ? Infinity : Number(to)];
    }
    tell();
  }
  axes.forEach((one) => {
    if (one.isNumeric) {
      one.inputs = ['from', 'to'].map((end) => make('input', { type: 'number', step: 'any', 'aria-label': `${one.name}, ${end}`, placeholder: end }));
    } else {
      const options = one.choices.map((choice, i) => make('option', { value: i }, choice.slice(0, 40)));
      one.inputs = [make('select', { 'aria-label': one.name }, make('option', { value: '' }, 'any'), ...options)];
    }
    one.inputs.forEach((input) => input.addEventListener('change', () => readFields(one)));
    fields.append(make('fieldset', {}, make('legend', {}, one.name), ...one.inputs));
  });

  /* Dragging, which may end outside the canvas. A click without a drag ends the axis' range. */
  const place = (event) => {
    const bounds = canvas.getBoundingClientRect();
    return [event.clientX - bounds.left, event.clientY - bounds.top];
  };
  const at = (y) => Math.min(1, Math.max(0, (height - bottom - y) / (height - top - bottom)));
  canvas.addEventListener('pointerdown', (event) => {
    const [x, from] = place(event);
    const one = axes.find((each, i) => Math.abs(xOf(i) - x) < 24);
    if (!one) return;
    const moves = new AbortController();
    const listen = (name, heard) => window.addEventListener(name, heard, { signal: moves.signal });
    const end = (range) => {
      moves.abort();
      setRange(one, range);
      tell();
    };
    listen('pointermove', (moved) => {
      const ends = [at(from), at(place(moved)[1])].sort((a, b) => a - b);
      one.range = [unshare(one, ends[0]), unshare(one, ends[1])];
      paint();
    });
    listen('pointerup', (moved) => end(Math.abs(place(moved)[1] - from) < 4 ? null : one.range));
    listen('pointercancel', () => end(null));
  });
  new ResizeObserver(() => {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(paint);
  }).observe(box);
  clear.hidden = true;
  drawn.push({ canvas, draw: paint, chart: null });
  return make('div', {}, box, fields, count, clear);
}

function metricAxis(data) {
  const values = data.experiments.map((e) => e[data.split]).filter(isNumber);
  return { name: `${data.split} ${data.metric}`, of: (e) => e[data.split], isNumeric: true, type: scaleFor(values, 30), place: (value) => (isNumber(value) ? value : NaN) };
}
