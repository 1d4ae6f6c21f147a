'use strict';
/* Elements, numbers for people, and tables that sort. Texts become text nodes, never HTML. */

function make(tag, attributes, ...children) {
  const svg = ['svg', 'line', 'circle'].includes(tag);
  const node = svg ? document.createElementNS('http://www.w3.org/2000/svg', tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

const isNumber = (value) => typeof value === 'number' && Number.isFinite(value);

/* Four significant digits; what is not known is a dash. */
function show(value) {
  if (value === null || value === undefined) return '–';
  if (!isNumber(value)) return String(value);
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
}

function showSeconds(seconds) {
  if (!isNumber(seconds)) return '–';
  if (seconds < 60) return `${seconds < 10 ? seconds.toPrecision(2) : Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toPrecision(3)} h`;
}

/* Names as val_loss keep their letters. */
function capital(text) {
  return /^[a-z]+( |,|$)/.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text;
}

/* Numbers before texts before what is not known, whichever way. */
function order(a, b, descending) {
  const kind = (value) => (isNumber(value) ? 0 : value === null || value === undefined ? 2 : 1);
  if (kind(a) !== kind(b)) return kind(a) - kind(b);
  const sign = descending ? -1 : 1;
  if (kind(a) === 0) return sign * (a - b);
  return kind(a) === 1 ? sign * String(a).localeCompare(String(b)) : 0;
}

/* columns: {name, value(row), cell(row)?, isText?, title(row)?}. Without `cell`, what is shown is `value`. A table of many
 * rows shows `most` of them until asked for all. Returns {node, render(rows)}. */
function makeTable({ caption, columns, rows, most, rowClass }) {
  let shown = rows;
  let limit = most || 100;
  let by = null;
  let descending = false;
  const body = make('tbody');
  const heads = columns.map((column, index) => {
    const button = make('button', { type: 'button' }, column.name);
    button.addEventListener('click', () => {
      descending = by === index && !descending;
      by = index;
      render();
    });
    return make('th', { scope: 'col', class: column.isText ? 'text' : null }, button);
  });
  const more = make('button', { type: 'button', class: 'button' });
  more.addEventListener('click', () => {
    limit = Infinity;
    render();
  });
  const table = make('table', {}, make('caption', {}, caption), make('thead', {}, make('tr', {}, ...heads)), body);

  function makeRow(row) {
    const cells = columns.map((column) => {
      const content = column.cell ? column.cell(row) : show(column.value(row));
      return make('td', { class: column.isText ? 'text' : null, title: column.isText ? (column.title ? column.title(row) : show(column.value(row))) : null }, content);
    });
    return make('tr', { class: rowClass ? rowClass(row) : null }, ...cells);
  }
  function render(newRows) {
    if (newRows) shown = newRows;
    const sorted = [...shown];
    if (by !== null) sorted.sort((a, b) => order(columns[by].value(a), columns[by].value(b), descending));
    heads.forEach((head, index) => {
      if (index === by) head.setAttribute('aria-sort', descending ? 'descending' : 'ascending');
      else head.removeAttribute('aria-sort');
    });
    body.replaceChildren(...sorted.slice(0, limit).map(makeRow));
    more.textContent = `Show all ${sorted.length}`;
    more.hidden = sorted.length <= limit;
  }
  render();
  return { node: make('div', {}, make('div', { class: 'scroll', tabindex: 0, role: 'group', 'aria-label': caption }, table), more), render };
}

/* A table behind a chart, made when it is opened. */
function makeHiddenTable(settings) {
  const details = make('details', {}, make('summary', {}, 'As a table'));
  details.addEventListener('toggle', () => {
    if (details.open && details.childElementCount === 1) details.append(makeTable(settings).node);
  });
  return details;
}
