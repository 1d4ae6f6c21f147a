/* The charts: what stands in each. They are drawn anew when light becomes dark, and for printing. */

const hasCharts = typeof Chart === 'function';
const drawn = [];

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/* A canvas with a description. draw(canvas) is called now and whenever colours change, and returns what has a
 * destroy(), or nothing. */
function makePlot(label, draw, height) {
  const canvas = make('canvas', { role: 'img', 'aria-label': label });
  const plot = make('div', { class: 'plot' }, canvas);
  if (height) plot.style.height = height;
  drawn.push({ canvas, draw, chart: null });
  return plot;
}

function drawAll() {
  for (const plot of drawn) {
    if (plot.chart) plot.chart.destroy();
    plot.chart = plot.draw(plot.canvas) || null;
  }
}

/* "log" where positive values span a factor of ten or more. */
function scaleFor(values, factor) {
  const known = values.filter(isNumber);
  const low = known.reduce((a, b) => Math.min(a, b), Infinity);
  const high = known.reduce((a, b) => Math.max(a, b), -Infinity);
  return low > 0 && high >= (factor || 10) * low ? 'logarithmic' : 'linear';
}

/* Ticks of a logarithmic axis: 1, 2 and 5 times a power of ten. */
function tickText(value) {
  return show(value);
}
function logTick(value) {
  const digit = Math.round(value / 10 ** Math.floor(Math.log10(value) + 1e-9));
  return [1, 2, 5].includes(digit) ? show(value) : null;
}

function axis(type, title, more) {
  return {
    type,
    title: { display: true, text: title, color: colour('soft') },
    grid: { color: colour('line') },
    ticks: { color: colour('soft'), callback: type === 'logarithmic' ? logTick : tickText, maxRotation: 45 },
    ...more,
  };
}

/* datasets: Chart.js' own. tip(raw): the tooltip's lines for a point. */
function draw(canvas, type, datasets, scales, tip, more) {
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  return new Chart(canvas, {
    type,
    data: { datasets, ...(more && more.data) },
    options: {
      animation: false,
      responsive: true,
      maintainAspectRatio: false,
      interaction: { mode: 'nearest', intersect: true },
      plugins: {
        legend: { display: false }, // the page has its own, which are read out, too
        tooltip: { callbacks: { title: () => '', label: (item) => tip(item.raw, item) } },
      },
      scales,
      ...(more && more.options),
    },
  });
}

/* -- losses -- */

/* The curves of many experiments as one: with a gap after each. */
function joinCurves(experiments, key) {
  const points = [];
  for (const e of experiments) {
    e.epoch.forEach((epoch, i) => points.push({ x: epoch, y: e[key][i], id: e.name, what: key }));
    points.push({ x: NaN, y: NaN });
  }
  return points;
}

function drawLosses(canvas, data) {
  const trained = data.experiments.filter((e) => e.epoch.length);
  const best = trained.filter((e) => e === data.best);
  const others = trained.filter((e) => e !== data.best);
  const all = trained.flatMap((e) => [...e.loss, ...e.val_loss]);
  const curve = (label, experiments, key, style) => ({
    label,
    data: joinCurves(experiments, key),
    showLine: true,
    pointRadius: experiments.some((e) => e.epoch.length === 1) ? 2 : 0,
    pointHitRadius: 5,
    spanGaps: false,
    ...style,
  });
  const manyOthers = others.length > 100; // dashes of thousands of lines take their time, and are not seen
  const ends = trained.filter((e) => isNumber(e.pruned_at_epoch));
  const datasets = [
    curve('best, validation', best, 'val_loss', { borderColor: colour('best'), borderWidth: 3 }),
    curve('best, training', best, 'loss', { borderColor: colour('best'), borderWidth: 2, borderDash: [5, 4] }),
    curve('others, validation', others, 'val_loss', { borderColor: colour('faint'), borderWidth: 1.5 }),
    curve('others, training', others, 'loss', { borderColor: colour('faint'), borderWidth: 1, borderDash: manyOthers ? [] : [2, 3] }),
  ].filter((dataset) => dataset.data.some((point) => isNumber(point.y)));
  if (ends.length) {
    datasets.push({
      label: 'pruned here',
      data: ends.map((e) => ({ x: e.epoch[e.epoch.length - 1], y: e.val_loss[e.val_loss.length - 1], id: e.name, what: 'pruned, val_loss' })),
      pointStyle: 'crossRot', pointRadius: 5, borderColor: colour('other'), borderWidth: 1.5,
    });
  }
  return draw(canvas, 'scatter', datasets, { x: axis('linear', 'epoch', { ticks: { precision: 0, color: colour('soft') } }), y: axis(scaleFor(all), 'loss') },
    (point) => [point.id, `epoch ${point.x}, ${point.what} ${show(point.y)}`]);
}

/* -- experiments as points -- */

function group(data, point) {
  const of = (label, take, style) => ({
    label,
    data: data.experiments.filter(take).map(point).filter((p) => p !== null),
    pointHitRadius: 4,
    ...style,
  });
  const isTied = (e) => e.is_tied && e !== data.best;
  return [
    of('best', (e) => e === data.best, { pointRadius: 7, pointStyle: 'rectRot', backgroundColor: colour('best'), borderColor: colour('best') }),
    of('cannot be told from it', isTied, { pointRadius: 4, backgroundColor: colour('tied'), borderColor: colour('tied') }),
    of('others', (e) => e !== data.best && !isTied(e), { pointRadius: 3, backgroundColor: colour('other'), borderColor: colour('other') }),
  ].filter((dataset) => dataset.data.length);
}

/* What a hyperparameter's values are: numbers, perhaps by their logarithm, or choices. */
function describeValues(data, index) {
  const values = data.experiments.map((e) => e.values[index]);
  const known = values.filter((value) => value !== null);
  if (known.length && known.every(isNumber)) {
    const distinct = [...new Set(known)].sort((a, b) => a - b);
    return { isNumeric: true, type: scaleFor(known), distinct, place: (value) => (isNumber(value) ? value : NaN) };
  }
  const choices = [...new Set(values.map(show))].sort();
  return { isNumeric: false, type: 'linear', choices, place: (value) => choices.indexOf(show(value)) };
}

function valueAxis(name, values) {
  if (!values.isNumeric) {
    return axis('linear', name, {
      min: -0.5, max: values.choices.length - 0.5,
      afterBuildTicks: (scale) => { scale.ticks = values.choices.map((choice, i) => ({ value: i })); },
      ticks: { color: colour('soft'), autoSkip: values.choices.length > 12, callback: (i) => String(values.choices[i] || '').slice(0, 18) },
    });
  }
  if (values.distinct.length > 8) return axis(values.type, name);
  const low = values.distinct[0], high = values.distinct[values.distinct.length - 1];
  const margin = values.type === 'logarithmic' ? (high / low) ** 0.06 : (high - low) * 0.06;
  const around = values.type === 'logarithmic' ? { min: low / margin, max: high * margin } : { min: low - margin, max: high + margin };
  return axis(values.type, name, {
    ...around,
    afterBuildTicks: (scale) => { scale.ticks = values.distinct.map((value) => ({ value })); },
    ticks: { color: colour('soft'), callback: tickText, autoSkip: true, maxRotation: 45 },
  });
}

function drawHyperparameter(canvas, data, index) {
  const values = describeValues(data, index);
  const datasets = group(data, (e) => (isNumber(e[data.split]) ? { x: values.place(e.values[index]), y: e[data.split], id: e.name } : null));
  const metrics = data.experiments.map((e) => e[data.split]);
  return draw(canvas, 'scatter', datasets, { x: valueAxis(data.hyperparameters[index], values), y: axis(scaleFor(metrics, 30), `${data.split} ${data.metric}`) },
    (point) => [point.id, `${show(values.isNumeric ? point.x : values.choices[point.x])}: ${show(point.y)}`]);
}

function drawOverfitting(canvas, data) {
  const known = data.experiments.filter((e) => isNumber(e.train_mae) && isNumber(e.val_mae));
  const datasets = group(data, (e) => (known.includes(e) ? { x: e.train_mae, y: e.val_mae, id: e.name } : null));
  const low = Math.min(...known.map((e) => e.train_mae)), high = Math.max(...known.map((e) => e.train_mae));
  const line = (label, slope, style) => ({
    label, data: [{ x: low, y: slope * low }, { x: high, y: slope * high }], showLine: true, pointRadius: 0, pointHitRadius: 0, borderWidth: 2, ...style,
  });
  datasets.push(line('1.3 times: overfitting above', 1.3, { borderColor: colour('bad'), borderDash: [6, 4] }));
  datasets.push(line('equal', 1, { borderColor: colour('soft'), borderDash: [2, 3], borderWidth: 1 }));
  const type = scaleFor(known.flatMap((e) => [e.train_mae, e.val_mae]), 30);
  return draw(canvas, 'scatter', datasets, { x: axis(type, 'train mae'), y: axis(type, 'val mae') },
    (point) => (point.id ? [point.id, `train ${show(point.x)}, val ${show(point.y)}`] : ''));
}

function drawImportance(canvas, data) {
  const rows = data.importance;
  const total = rows.reduce((sum, row) => sum + (row.ped_anova || 0), 0);
  const bars = (label, value, background) => ({ label, data: rows.map(value), backgroundColor: background, barPercentage: 0.8, categoryPercentage: 0.7 });
  const datasets = [
    bars('share by PED-ANOVA', (row) => (total > 0 ? row.ped_anova / total : 0), colour('best')),
    bars("strength of Spearman's correlation", (row) => (isNumber(row.spearman) ? Math.abs(row.spearman) : null), colour('tied')),
  ];
  const plain = { title: { display: false }, grid: { display: false }, ticks: { color: colour('soft') } };
  return draw(canvas, 'bar', datasets, { x: { ...axis('linear', 'from 0 to 1'), min: 0, max: 1 }, y: plain },
    (value, item) => `${item.dataset.label}: ${show(value)}`,
    { data: { labels: rows.map((row) => row.hyperparameter.replace(/^hp_/, '').slice(0, 24)) }, options: { indexAxis: 'y' } });
}

/* -- forecasts and target -- */

function drawForecast(canvas, window) {
  const past = window.before.slice(-3 * window.time.length);
  const before = past.map((value, i) => ({ x: i - past.length, y: value, what: 'truth' }));
  const at = (key, what) => (window[key] || []).map((value, i) => ({ x: i, y: value, what, time: window.time[i] }));
  const curve = (label, points, style) => ({ label, data: points, showLine: true, pointRadius: 0, pointHitRadius: 6, borderWidth: 2, ...style });
  const datasets = [
    curve('median', at('median', 'median'), { borderColor: colour('best') }),
    curve('truth', [...before, ...at('truth', 'truth')], { borderColor: colour('truth') }),
    curve('seasonal naive', at('seasonal_naive', 'seasonal naive'), { borderColor: colour('naive'), borderDash: [2, 3] }),
    curve('zero-shot', at('zero_shot', 'zero-shot'), { borderColor: colour('tied'), borderDash: [6, 4] }),
    curve('0.1', at('low', 'quantile 0.1'), { borderColor: 'transparent', borderWidth: 0 }),
    curve('0.9', at('high', 'quantile 0.9'), { borderColor: 'transparent', borderWidth: 0, fill: '-1', backgroundColor: colour('band') }),
  ];
  const label = (x) => (x >= 0 ? window.time[x] || '' : '');
  return draw(canvas, 'scatter', datasets,
    { x: axis('linear', `steps after ${window.origin}`, { min: -past.length, max: window.time.length - 1, ticks: { color: colour('soft'), precision: 0, callback: (x) => x + 1 } }), y: axis('linear', '', { title: { display: false } }) },
    (point) => [label(point.x), `${point.what} ${show(point.y)}`].filter(Boolean));
}

function drawTarget(canvas, target) {
  const times = [];
  const splits = { train: [], val: [], test: [] };
  const volatile = [];
  for (const run of target.runs) {
    run.value.forEach((value, i) => {
      const x = times.push(run.time[i]) - 1;
      splits[run.split].push({ x, y: value });
      volatile.push({ x, y: run.is_volatile[i] ? value : null });
    });
    times.push('');
    splits[run.split].push({ x: times.length - 1, y: null });
    volatile.push({ x: times.length - 1, y: null });
  }
  const curve = (label, points, style) => ({ label, data: points, showLine: true, spanGaps: false, pointRadius: 0, pointHitRadius: 5, borderWidth: 1.75, ...style });
  const datasets = Object.keys(splits).map((split) => curve(split, splits[split], { borderColor: colour(split), backgroundColor: colour(split) }));
  datasets.push(curve('volatility above the median of training', volatile, { borderColor: colour('volatile'), borderWidth: 8, borderCapStyle: 'round', order: 1 }));
  const kept = datasets.filter((dataset) => dataset.data.some((point) => isNumber(point.y)));
  return draw(canvas, 'scatter', kept,
    { x: axis('linear', '', { title: { display: false }, min: 0, max: times.length - 1, ticks: { color: colour('soft'), maxTicksLimit: 8, callback: (x) => times[x] || '' } }), y: axis('linear', target.name || '') },
    (point) => `${times[point.x]}: ${show(point.y)}`);
}
