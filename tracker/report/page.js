/* Puts the page together: the verdict, then a section for each question. */

const data = JSON.parse(document.getElementById('data').textContent);
data.best = data.verdict.figures.length ? data.experiments[0] : null;
nameShortly(data.experiments);
const metricName = `${data.split} ${data.metric}`;
const otherSplit = data.split === 'test' ? 'val' : 'test';
const main = document.getElementById('main');

/* Without the time in an id, where that leaves all names different. */
function nameShortly(experiments) {
  const short = experiments.map((e) => e.id.replace(/_\d{8}_\d{6}(_\d+)?$/, ''));
  const isUnique = new Set(short).size === short.length && !short.includes('');
  experiments.forEach((e, i) => { e.name = isUnique ? short[i] : e.id; });
}

function addSection(id, title, text, isWide, ...children) {
  const section = make('section', { id, class: isWide ? 'wide' : null, 'aria-labelledby': `${id}-title` },
    make('h2', { id: `${id}-title` }, capital(title)));
  for (const line of text.split('\n').filter(Boolean)) section.append(make('p', {}, `${capital(line)}${/[.:!?]$/.test(line) ? '' : '.'}`));
  section.append(...children.filter(Boolean));
  main.append(section);
}

/* A chart, if this page has Chart.js. */
const plot = (label, drawIt, height) => (hasCharts ? makePlot(label, drawIt, height) : null);

function makeLegend(...entries) {
  return make('ul', { class: 'legend' }, ...entries.map(([text, name, shape]) => {
    const mark = make('i', { class: shape || null });
    mark.style[shape === 'band' || shape === 'dot' ? 'backgroundColor' : 'borderColor'] = `var(--${name})`;
    return make('li', {}, mark, text);
  }));
}

const makePointLegend = (...more) => (hasCharts
  ? makeLegend(['the best', 'best', 'dot'], ['cannot be told from it', 'tied', 'dot'], ['others', 'other', 'dot'], ...more) : null);

/* -- the verdict -- */

function addVerdict() {
  const { verdict } = data;
  const heading = document.getElementById('verdict');
  heading.textContent = capital(verdict.sentence);
  heading.className = verdict.is.replace(/ /g, '-');
  document.getElementById('about').textContent =
    `${data.experiments.length} experiments in ${data.results}, chosen by ${metricName} (${data.direction})`;
  const warning = document.getElementById('warning');
  warning.textContent = data.warning ? `Careful: ${data.warning}.` : '';
  warning.hidden = !data.warning;
  const words = { zero_shot: 'before tuning (zero-shot)', seasonal_naive: 'seasonal naive' };
  document.getElementById('figures').replaceChildren(...verdict.figures.map((figure, i) => make('li', { class: i === 0 ? 'is-best' : null },
    make('span', {}, i === 0 ? `the best, ${figure.name}` : words[figure.name] || figure.name),
    make('b', {}, show(figure[data.split])),
    make('span', {}, `${metricName}; ${otherSplit} ${show(figure[otherSplit])}`),
    figure.against ? make('span', {}, `The best against ${figure.against}`) : null)));
  document.getElementById('certainty').textContent = data.split === 'test'
    ? 'Chosen by test: the best of several looks better there than it is.'
    : 'Validation chose, so the figure on test is honest.';
  document.getElementById('footer').textContent = `Written by ${data.program}. This file needs no network.` +
    (hasCharts ? '' : ' It has no charts: this ftgpu was built without Chart.js (Debian: libjs-chart.js).');
}

/* -- the ranking -- */

/* A dot with its interval of 95 %, all on one scale. */
function makeWhisker(e, low, high) {
  const value = e[data.split];
  if (!isNumber(value)) return null;
  const x = (v) => 4 + (136 * (Math.min(Math.max(v, low), high) - low)) / (high - low || 1);
  const tint = e === data.best ? 'var(--best)' : e.is_tied ? 'var(--tied)' : 'var(--other)';
  const half = isNumber(e.error_of_metric) ? 1.96 * e.error_of_metric : 0;
  return make('svg', { class: 'whisker', viewBox: '0 0 144 16', 'aria-hidden': 'true' },
    make('line', { x1: x(value - half), x2: x(value + half), y1: 8, y2: 8, stroke: tint, 'stroke-width': 2 }),
    make('circle', { cx: x(value), cy: 8, r: 3.5, fill: tint }));
}

function whiskerSpan() {
  const compared = data.experiments.filter((e) => isNumber(e[data.split])).slice(0, 32);
  const ends = compared.flatMap((e) => [e[data.split] - 1.96 * (e.error_of_metric || 0), e[data.split] + 1.96 * (e.error_of_metric || 0)]);
  return [Math.min(...ends), Math.max(...ends)];
}

function describeState(e) {
  if (e.failed) return `failed: ${e.failed}`;
  if (isNumber(e.pruned_at_epoch)) return `pruned after epoch ${e.pruned_at_epoch}`;
  if (e === data.best) return 'best';
  const judged = e.is_tied === undefined && isNumber(e.seeds) ? data.experiments.find((other) => other.configuration === e.configuration && other.is_tied !== undefined) : null;
  if (judged) return `a seed of ${judged.name}`;
  if (e.is_tied === undefined) return isNumber(e[data.split]) ? 'not compared' : 'not evaluated';
  return e.is_tied ? 'cannot be told from the best' : 'worse';
}

function makeRanking() {
  const [low, high] = whiskerSpan();
  const rank = new Map(data.experiments.map((e, i) => [e, i + 1]));
  const withError = data.experiments.some((e) => isNumber(e.error_of_metric));
  const withSeeds = data.experiments.some((e) => isNumber(e.seeds));
  const signed = (value) => `${value < 0 ? '−' : '+'}${show(Math.abs(value))}`;
  const columns = [
    { name: '#', value: (e) => rank.get(e) },
    { name: 'experiment', isText: true, value: (e) => e.name, title: (e) => e.id },
    { name: metricName, value: (e) => e[data.split], cell: (e) => show(e[data.split]) + (isNumber(e.error_of_metric) ? ` ± ${Number(e.error_of_metric.toPrecision(2))}` : '') },
    withSeeds && { name: 'mean of seeds', value: (e) => e.mean, cell: (e) => (isNumber(e.seeds) ? `${show(e.mean)} ± ${Number(e.std.toPrecision(2))}, ${e.seeds} seeds` : '–') },
    withError && { name: '95 % interval', value: (e) => e[data.split], cell: (e) => makeWhisker(e, low, high) || '–' },
    withError && { name: 'worse than the best by (95 %)', value: (e) => e.behind, cell: (e) => (isNumber(e.behind) ? `${signed(e.behind - e.behind_margin)} to ${signed(e.behind + e.behind_margin)}` : '–') },
    { name: 'against the best', isText: true, value: describeState, cell: (e) => make('span', { class: e === data.best ? 'best-mark' : e.is_tied ? 'tied-mark' : null }, describeState(e)) },
    { name: `${otherSplit} ${data.metric}`, value: (e) => e[otherSplit] },
    ...data.hyperparameters.slice(0, 12).map((name, i) => ({ name, value: (e) => e.values[i] })),
    { name: 'best epoch', value: (e) => e.best_epoch },
    { name: 'training', value: (e) => e.seconds, cell: (e) => showSeconds(e.seconds) },
  ].filter(Boolean);
  return makeTable({ caption: `Experiments, the best by ${metricName} first. ± is a standard error.`, columns, rows: data.experiments, most: 50, rowClass: (e) => (e === data.best ? 'best' : null) });
}

let ranking = null;
function addRanking() {
  ranking = makeRanking();
  const constants = data.constants.length ? make('details', {}, make('summary', {}, `${data.constants.length} hyperparameters are the same in all`),
    make('p', {}, data.constants.map(([name, value]) => `${name} ${show(value)}`).join(', '))) : null;
  const hidden = data.hyperparameters.length > 12 ? `\n${data.hyperparameters.length - 12} more hyperparameters vary: ftgpu compare shows them` : '';
  addSection('ranking', data.findings.ranking.title, data.findings.ranking.more + hidden, true, ranking.node, constants);
}

/* -- the charts -- */

function addLosses() {
  const trained = data.experiments.filter((e) => e.epoch.length);
  if (!trained.length) return;
  const last = (list) => list[list.length - 1];
  addSection('losses', data.findings.losses.title, data.findings.losses.more, false,
    hasCharts ? makeLegend(['best, validation', 'best'], ['best, training', 'best', 'dashed'], ['others, validation', 'other'], ['others, training', 'other', 'dotted'],
      ...(trained.some((e) => isNumber(e.pruned_at_epoch)) ? [['×: pruned', 'other', 'none']] : [])) : null,
    plot(`Losses by epoch. ${data.findings.losses.title}`, (canvas) => drawLosses(canvas, data), '22rem'),
    makeHiddenTable({
      caption: 'Losses of each experiment', rows: trained,
      columns: [
        { name: 'experiment', isText: true, value: (e) => e.name, title: (e) => e.id }, { name: 'epochs', value: (e) => last(e.epoch) },
        { name: 'first loss', value: (e) => e.loss[0] }, { name: 'last loss', value: (e) => last(e.loss) },
        { name: 'first val_loss', value: (e) => e.val_loss[0] }, { name: 'last val_loss', value: (e) => last(e.val_loss) },
        { name: 'lowest val_loss', value: (e) => e.val_loss.filter(isNumber).reduce((a, b) => Math.min(a, b), Infinity), }, { name: 'in epoch', value: (e) => e.best_epoch },
      ],
    }));
}

/* The hyperparameters that charts show: the most important first, replicates' seed never. */
function chartedHyperparameters() {
  const share = new Map(data.importance.map((row) => [row.hyperparameter.replace(/^hp_/, ''), row.ped_anova || 0]));
  return data.hyperparameters.map((name, index) => index).filter((index) => data.hyperparameters[index] !== 'seed')
    .sort((a, b) => (share.get(data.hyperparameters[b]) || 0) - (share.get(data.hyperparameters[a]) || 0));
}

/* The range of the best tenth in a hyperparameter. */
function describeBestTenth(index) {
  const ranked = data.experiments.filter((e) => isNumber(e[data.split]));
  const top = ranked.slice(0, Math.max(3, Math.ceil(ranked.length / 10)));
  const values = top.map((e) => e.values[index]).filter((value) => value !== null);
  const name = data.hyperparameters[index];
  if (!values.length || ranked.length < 4) return `All that varies, and ${metricName}`;
  if (!values.every(isNumber)) return `The best ${top.length} have ${name} ${[...new Set(values.map(show))].join(', ')}`;
  const low = Math.min(...values), high = Math.max(...values);
  return `The best ${top.length} have ${name} ${low === high ? show(low) : `${show(low)} to ${show(high)}`}`;
}

function addHyperparameters(indices) {
  if (!indices.length || !data.best) return;
  const effect = new Map(data.importance.map((row) => [row.hyperparameter.replace(/^hp_/, ''), row.effect.replace(': ', ' ')]));
  const plots = indices.slice(0, 12).map((index) => {
    const name = data.hyperparameters[index];
    const title = effect.get(name) ? `${name}: ${effect.get(name)}` : name;
    return make('div', {}, make('h3', {}, title), plot(`${metricName} against ${title}`, (canvas) => drawHyperparameter(canvas, data, index)));
  });
  const isChance = (name) => effect.get(name).endsWith('(within chance)');
  const judged = indices.map((index) => data.hyperparameters[index]).filter((name) => effect.has(name) && effect.get(name) !== 'hardly matters');
  const matter = judged.filter((name) => !isChance(name));
  const title = effect.size === 0 ? `${capital(metricName)} against each hyperparameter`
    : matter.length === 0 ? `No hyperparameter matters ${judged.length ? 'beyond chance' : 'much'} for ${metricName}`
      : `${matter.slice(0, 4).join(', ')} matter${matter.length === 1 ? 's' : ''} for ${metricName}, of ${effect.size} that could be judged`;
  addSection('hyperparameters', title, indices.length > 12 ? `The 12 most important of ${indices.length} are shown.` : '', true,
    makePointLegend(),
    make('div', { class: 'plots' }, ...plots),
    makeHiddenTable({
      caption: `${capital(metricName)} and hyperparameters`, rows: data.experiments,
      columns: [{ name: 'experiment', isText: true, value: (e) => e.name, title: (e) => e.id }, { name: metricName, value: (e) => e[data.split] },
        ...indices.slice(0, 12).map((index) => ({ name: data.hyperparameters[index], value: (e) => e.values[index] }))],
    }));
}

function addParallel(indices) {
  if (!indices.length || !data.best) return;
  const title = describeBestTenth(indices[0]);
  addSection('parallel', title, 'Each line is an experiment. Drag along an axis, or fill in a range, to choose some; a click on the axis ends that.', true,
    makeParallel(data, indices.slice(0, 10), `Parallel coordinates. ${title}`, (chosen) => {
      ranking.render(chosen ? data.experiments.filter((e) => chosen.has(e)) : data.experiments);
    }));
}

function addImportance() {
  const rows = data.importance;
  addSection('importance', data.findings.importance.title, data.findings.importance.more, true,
    rows.length && hasCharts ? makeLegend(['share by PED-ANOVA', 'best', 'band'], ["strength of Spearman's correlation", 'tied', 'band']) : null,
    rows.length ? plot(`Importance of hyperparameters. ${data.findings.importance.title}`, (canvas) => drawImportance(canvas, data), `${6 + 3 * Math.min(rows.length, 20)}rem`) : null,
    rows.length ? makeHiddenTable({
      caption: `What decides ${metricName}`, rows,
      columns: [
        { name: 'hyperparameter', isText: true, value: (row) => row.hyperparameter.replace(/^hp_/, '') },
        { name: 'PED-ANOVA', value: (row) => row.ped_anova }, { name: 'Spearman', value: (row) => row.spearman },
        { name: 'Pearson', value: (row) => row.correlation }, { name: 'effect', isText: true, value: (row) => row.effect },
      ],
    }) : null);
}

function addOverfitting() {
  const known = data.experiments.filter((e) => isNumber(e.train_mae) && isNumber(e.val_mae));
  if (!known.length) return;
  const said = data.findings.losses.more.split('\n');
  const more = data.findings.overfitting.more.split('\n').filter((line) => !said.includes(line)).join('\n');
  addSection('overfitting', data.findings.overfitting.title, more, false,
    makePointLegend(['1.3 times: overfitting above', 'bad', 'dashed'], ['equal', 'soft', 'dotted']),
    plot(`Validation errors against training errors. ${data.findings.overfitting.title}`, (canvas) => drawOverfitting(canvas, data), '22rem'),
    makeHiddenTable({
      caption: 'Errors of training and validation', rows: known,
      columns: [
        { name: 'experiment', isText: true, value: (e) => e.name, title: (e) => e.id }, { name: 'train mae', value: (e) => e.train_mae },
        { name: 'val mae', value: (e) => e.val_mae }, { name: 'ratio', value: (e) => e.val_mae / e.train_mae },
      ],
    }));
}

function addForecasts() {
  const { windows, n_windows: n, unread } = data.forecasts;
  if (!data.best) return;
  if (!windows.length) {
    if (unread) addSection('forecasts', 'The forecasts of the best are not there to show', unread, false);
    return;
  }
  const title = data.findings.forecasts.title;
  const has = (key) => windows.some((window) => window[key]);
  const steps = windows.flatMap((window) => window.time.map((time, i) => ({ window, time, i })));
  addSection('forecasts', title, `${windows.length === n ? `All ${n}` : `${windows.length} of ${n}`} test windows, evenly chosen, of ${data.best.name}`, true,
    hasCharts ? makeLegend(['truth', 'truth'], ['median', 'best'], ['80 % band', 'band', 'band'], ...(has('zero_shot') ? [['before tuning (zero-shot)', 'tied', 'dashed']] : []), ...(has('seasonal_naive') ? [['seasonal naive', 'naive', 'dotted']] : [])) : null,
    hasCharts ? make('div', { class: 'plots' }, ...windows.map((window) => make('div', {}, make('h3', {}, `${window.item}, after ${window.origin}`),
      plot(`Forecast of ${window.item} after ${window.origin}`, (canvas) => drawForecast(canvas, window))))) : null,
    makeHiddenTable({
      caption: 'Forecasts step by step', rows: steps,
      columns: [
        { name: 'series', isText: true, value: (s) => s.window.item }, { name: 'time', isText: true, value: (s) => s.time },
        { name: 'truth', value: (s) => s.window.truth[s.i] }, { name: 'median', value: (s) => s.window.median[s.i] },
        { name: '0.1', value: (s) => s.window.low[s.i] }, { name: '0.9', value: (s) => s.window.high[s.i] },
        { name: 'zero-shot', value: (s) => (s.window.zero_shot || [])[s.i] }, { name: 'seasonal naive', value: (s) => (s.window.seasonal_naive || [])[s.i] },
      ],
    }));
}

function addTarget() {
  const { target } = data;
  if (!target.runs) return;
  const steps = target.runs.flatMap((run) => run.time.map((time, i) => ({ split: run.split, time, value: run.value[i], isVolatile: run.is_volatile[i] })));
  const which = `${capital(target.name || 'the target')} in the evaluated windows${target.series && target.series !== target.name ? `, series ${target.series}` : ''}`;
  addSection('target', data.findings.regimes.title, `${data.findings.regimes.more}\n${which}${target.every > 1 ? `; a point is one of ${target.every} steps` : ''}`, true,
    hasCharts ? makeLegend(...['train', 'val', 'test'].filter((split) => steps.some((s) => s.split === split)).map((split) => [split, split]),
      ...(steps.some((s) => s.isVolatile) ? [['volatility above the median of training', 'volatile', 'band']] : [])) : null,
    plot(`The target by split. ${data.findings.regimes.title}`, (canvas) => drawTarget(canvas, target)),
    makeHiddenTable({
      caption: 'The target', rows: steps,
      columns: [{ name: 'time', isText: true, value: (s) => s.time }, { name: 'split', isText: true, value: (s) => s.split }, { name: 'value', value: (s) => s.value }, { name: 'volatile', isText: true, value: (s) => (s.isVolatile ? 'yes' : 'no') }],
    }));
}

/* -- all of it -- */

function addAll() {
  const started = performance.now();
  const indices = chartedHyperparameters();
  addVerdict();
  addRanking();
  addHyperparameters(indices);
  addParallel(indices);
  addLosses();
  addOverfitting();
  addImportance();
  addForecasts();
  addTarget();
  drawAll();
  document.documentElement.dataset.milliseconds = Math.round(performance.now() - started);
}

addAll();
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawAll);
/* Paper is white. */
window.addEventListener('beforeprint', () => { document.documentElement.classList.add('printing'); drawAll(); });
window.addEventListener('afterprint', () => { document.documentElement.classList.remove('printing'); drawAll(); });
