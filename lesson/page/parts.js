/** Rows of the table that shows an input moved. */
const ROWS = ['At its place', 'Moved', 'Difference'];

/** @type {Marks} */
const NO_MARKS = {taps: null, cell: null, covered: null, covering: null, field: null, picked: null};

/** How wide a map of that table is. */
const STAGE_WIDTH = 232;

/** The maps of an input at its place and moved. */
function renderShift() {
  const table = byId('stages');
  const {shift, settings} = view;
  const [down, right] = settings.shift.split(',').map(Number);
  const parts = [
    down === 0 ? '' : `${Math.abs(down)} ${down > 0 ? 'down' : 'up'}`,
    right === 0 ? '' : `${Math.abs(right)} ${right > 0 ? 'right' : 'left'}`,
  ];
  const moved = parts.filter((part) => part !== '').join(', ');
  write(byId('moved'), moved === '' ? 'At its place.' : `Moved ${moved}.`);
  const lines = ROWS.map((name, row) => {
    const cells = shift.map((stage, at) => {
      const canvas = /** @type {HTMLCanvasElement} */ (
        element('canvas', {role: 'img', 'aria-label': `${stage.name}, ${name.toLowerCase()}, ${sizes(stage.shape)}`})
      );
      drawStage(canvas, stage, at, row);
      return element('td', {}, canvas);
    });
    return element('tr', {}, element('th', {scope: 'row'}, name), ...cells);
  });
  /** @type {[string, (summary: Summary) => string][]} */
  const figures = [
    ['Cells that changed', ({changed, cells}) => `${grouped(changed)} of ${grouped(cells)}`],
    ['Unlike', ({unlike}) => `${said(Number(unlike.toFixed(1)))} %`],
    ['… mean of 8 moves', ({mean}) => `${said(Number(mean.toFixed(1)))} %`],
  ];
  const counted = figures.map(([name, figure]) => {
    const cells = shift.map(({summary}) => element('td', {class: 'figure'}, figure(summary)));
    return element('tr', {}, element('th', {scope: 'row'}, name), ...cells);
  });
  const heads = shift.map((stage) => element('th', {scope: 'col'}, stage.name, element('span', {class: 'size'}, sizes(stage.shape))));
  table.replaceChildren(element('thead', {}, element('tr', {}, element('td'), ...heads)), element('tbody', {}, ...counted, ...lines));
}

/** @param {HTMLCanvasElement} canvas @param {StageView} stage @param {number} at @param {number} row */
function drawStage(canvas, stage, at, row) {
  const [, rows, columns] = stage.shape;
  const gray = at === 0 && row < 2 && stage.high > 1;
  const plane = planeAlone({
    values: lesson.values(at * ROWS.length + row),
    rows,
    columns,
    most: Math.max(-stage.low, stage.high),
    kind: gray ? 'gray' : 'signed',
    name: `stage ${at}:${row}`,
  });
  drawGrid(canvas, plane, wholePart(plane, Math.min(40, STAGE_WIDTH / columns)), NO_MARKS);
}

/** What networks cost without and with pooling. */
function renderCost() {
  const {cost, settings} = view;
  if (!cost) {
    return;
  }
  const side = settings['cost-side'];
  byId('networks').replaceChildren(
    networkTable(`Without pooling, ${side}×${side}`, cost.without),
    networkTable(`With pooling, ${side}×${side}`, cost.with),
    networkTable('The notes’ layer, 228×228×3', cost.notes),
  );
}

/** @param {string} title @param {Network} network */
function networkTable(title, network) {
  const line = (/** @type {string} */ name, /** @type {string} */ shape, /** @type {Layer | Network} */ {parameters, multiply_adds: products, bytes}) =>
    element(
      'tr',
      {},
      element('th', {scope: 'row'}, name),
      ...[shape, grouped(parameters), grouped(products), memory(bytes)].map((text) => element('td', {}, text)),
    );
  const heads = ['layer', 'gives', 'parameters', 'multiply-adds', 'memory'].map((text) => element('th', {scope: 'col'}, text));
  const table = element(
    'table',
    {},
    element('caption', {}, title),
    element('thead', {}, element('tr', {}, ...heads)),
    element('tbody', {}, ...network.layers.map((layer) => line(layer.name, sizes(layer.shape), layer))),
    element('tfoot', {}, line('in all', '', network)),
  );
  return element('div', {tabindex: '0', role: 'region', 'aria-label': title}, table);
}

