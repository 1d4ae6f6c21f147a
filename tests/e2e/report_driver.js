/* Drives a report in a browser, and writes what it found into the page: a line "ok" or "FAILED: ..." each.
 * slow_report.sh puts this behind the page's own scripts, and before them what counts errors. */
function runDriver() {
  const lines = [];
  const expect = (condition, what) => lines.push(condition ? `ok ${what}` : `FAILED: ${what}`);
  const rows = () => [...document.querySelectorAll('#ranking tbody tr')];
  const column = (name) => [...document.querySelectorAll('#ranking thead button')].findIndex((button) => button.textContent === name);
  const cells = (name) => rows().map((row) => row.children[column(name)].textContent);
  const head = (name) => document.querySelectorAll('#ranking thead button')[column(name)];
  const isSorted = (values, sign) => values.every((value, i) => i === 0 || sign * (values[i - 1] - value) <= 0);

  expect(seenErrors.length === 0, `no errors: ${seenErrors.join('; ')}`);
  expect(performance.getEntriesByType('resource').length === 0, 'nothing is fetched');
  expect(window.hacked === undefined && !document.querySelector('img'), 'texts stay texts');
  expect(document.documentElement.scrollWidth <= window.innerWidth, `nothing is wider than the window: ${document.documentElement.scrollWidth} of ${window.innerWidth}`);
  const warning = document.getElementById('warning');
  expect(warning.hidden === !data.warning && warning.textContent.includes(data.warning || ''), `several data sets are told of: ${warning.textContent}`);
  const milliseconds = Number(document.documentElement.dataset.milliseconds);
  expect(milliseconds > 0, `drawn in ${milliseconds} ms`);

  /* Canvases show something. */
  const canvases = [...document.querySelectorAll('canvas')];
  const isEmpty = (canvas) => {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    const colours = new Set();
    for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 60) colours.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]);
    return colours.size < 2;
  };
  expect(canvases.length >= leastCanvases, `${canvases.length} charts`);
  canvases.forEach((canvas) => {
    expect(!isEmpty(canvas), `a chart shows something: ${canvas.getAttribute('aria-label')}`);
    expect(canvas.getAttribute('role') === 'img' && canvas.getAttribute('aria-label'), 'a chart is described');
  });

  /* Tables behind charts. */
  const tables = [...document.querySelectorAll('section > details')].filter((details) => details.textContent.startsWith('As a table'));
  tables.forEach((details) => { details.open = true; details.dispatchEvent(new Event('toggle')); });
  expect(tables.length >= Math.min(leastCanvases, 6) && tables.every((details) => details.querySelector('tbody tr')), `${tables.length} tables behind charts`);
  tables.forEach((details) => { details.open = false; });

  /* Sorting. */
  const metric = 'val mae';
  head(metric).click();
  const up = cells(metric).map(parseFloat).filter(Number.isFinite);
  expect(up.length > 1 && isSorted(up, 1), 'a click sorts upwards');
  expect(head(metric).closest('th').getAttribute('aria-sort') === 'ascending', 'and says so');
  head(metric).click();
  expect(isSorted(cells(metric).map(parseFloat).filter(Number.isFinite), -1), 'another one sorts downwards');
  head('experiment').click();
  expect(cells('experiment').every((name, i, all) => i === 0 || all[i - 1].localeCompare(name) <= 0), 'names sort, too');
  head('#').focus();
  expect(document.activeElement === head('#'), 'heads can be reached by keyboard');
  head('#').click();

  /* Brushing: the lower half of the first axis. */
  const canvas = document.querySelector('canvas.brush');
  const before = rows().length;
  const send = (target, name, x, y) => {
    const bounds = canvas.getBoundingClientRect();
    target.dispatchEvent(new PointerEvent(name, { clientX: bounds.left + x, clientY: bounds.top + y, bubbles: true, pointerId: 1 }));
  };
  const ranges = document.querySelector('.ranges');
  const fields = ranges.querySelectorAll('fieldset')[0].querySelectorAll('input');
  send(canvas, 'pointerdown', 52, 276);
  send(window, 'pointermove', 52, 200);
  send(window, 'pointerup', 52, 200);
  const told = document.querySelector('#parallel p[aria-live]').textContent;
  const few = parseInt(told, 10);
  expect(rows().length === Math.min(few, before) && few > 0 && (few < before || before === 50), `dragging chooses some: ${told}`);
  expect(fields[0].value !== '' && Number(fields[0].value) <= Number(fields[1].value), `the fields show it: ${fields[0].value} to ${fields[1].value}`);
  const clear = document.querySelector('#parallel button:not([hidden])');
  clear.click();
  expect(rows().length === before && clear.hidden, 'clearing shows all again');
  const last = [...ranges.querySelectorAll('input')].pop();
  const most = parseFloat(cells(metric)[1]);
  last.value = most;
  last.dispatchEvent(new Event('change'));
  expect(rows().length >= 1 && rows().length < before && cells(metric).every((cell) => parseFloat(cell) <= most), `a field chooses, too: ${rows().length}`);
  clear.click();

  /* Printing draws dark ink on white. */
  window.dispatchEvent(new Event('beforeprint'));
  expect(document.documentElement.classList.contains('printing') && !isEmpty(canvas), 'printing draws anew');
  window.dispatchEvent(new Event('afterprint'));
  expect(seenErrors.length === 0, `still no errors: ${seenErrors.join('; ')}`);
  document.body.replaceChildren(Object.assign(document.createElement('pre'), { textContent: `${lines.join('\n')}\nend\n` }));
}
setTimeout(() => {
  try {
    runDriver();
  } catch (error) {
    document.body.replaceChildren(`FAILED: ${error.stack}`);
  }
}, 500);
