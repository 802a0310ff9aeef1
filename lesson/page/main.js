/** @type {wasm_bindgen.Lesson} */
let lesson;
/** @type {View} */
let view;
/** @type {Look | null} */
let look = null;
/** The filters as they were when they last could be read. @type {FilterView | null} */
let lastFilters = null;
/** The planes of each map. @type {Plane[][]} */
let planes = [];
/** What stands on a canvas. @type {WeakMap<HTMLCanvasElement, {map: number, channel: number, part: Part}>} */
const onCanvas = new WeakMap();
/** Where each map was looked at last. @type {Map<number, Pair>} */
const lastPlaces = new Map();
/** Canvases far from what one sees: they wait, to be drawn when they come near. @type {Set<Element>} */
const farAway = new Set();
const observer = new IntersectionObserver(
  (entries) => {
    let comesNear = false;
    for (const {target, isIntersecting} of entries) {
      if (isIntersecting) {
        comesNear = farAway.delete(target) || comesNear;
      } else {
        farAway.add(target);
      }
    }
    if (comesNear) {
      draw();
    }
  },
  {rootMargin: '300px'},
);
let printing = false;
/** How wide a map may be. Asked for once, as asking lays the page out. */
let roomWidth = 452;
let playing = 0;
let writingAddress = 0;
/** What stood in the address when this page last read or wrote it. */
let knownHash = '';
let announcing = 0;

/** Which panel shows what an operation makes. @type {Record<string, string>} */
const PANELS = {'': 'input', convolution: 'convolution', relu: 'relu', unpooling: 'unpooling'};

/** @param {MapView} map @returns {HTMLElement | null} */
function panelOf(map) {
  return document.querySelector(`.panel[data-map="${PANELS[map.operation] ?? 'pooling'}"]`);
}

/** Sets something, and shows what follows. @param {string} key @param {string} word */
function change(key, word) {
  try {
    lesson.set(key, word);
  } catch (error) {
    showProblem('', String(error));
    return;
  }
  render();
}

/** @param {string} who @param {string} text */
function showProblem(who, text) {
  const problem = byId('problem');
  problem.hidden = text === '';
  problem.replaceChildren(...(who === '' ? [] : [element('b', {}, who), ' ']), text);
}

/** Shows all that the lesson says. */
function render() {
  roomWidth = Math.min(452, byId('pipeline').clientWidth || roomWidth);
  view = JSON.parse(lesson.view());
  lastFilters = view.filters ?? lastFilters;
  const {step, failure} = view;
  write(byId('group'), `${step.group} · ${view.number} of ${view.of}`);
  write(byId('title'), step.title);
  write(byId('text'), step.text);
  /** @type {HTMLSelectElement} */ (byId('steps')).value = step.id;
  /** @type {HTMLButtonElement} */ (byId('back')).disabled = view.number === 1;
  /** @type {HTMLButtonElement} */ (byId('next')).disabled = view.number === view.of;
  for (const part of ['maps', 'shift', 'cost']) {
    byId(part).hidden = step.part !== part;
  }
  showProblem(failure && failure[0] !== null ? 'The library says:' : '', failure ? failure[1] : '');
  renderControls();
  if (step.part === 'maps') {
    renderMaps();
  } else if (step.part === 'shift') {
    renderShift();
  } else {
    renderCost();
  }
  keepAddress();
}

/** Writes the address when things have come to rest. */
function keepAddress() {
  clearTimeout(writingAddress);
  writingAddress = window.setTimeout(() => {
    const address = `#${lesson.address()}`;
    // Whoever has gone elsewhere in the meantime is not called back.
    if (location.hash === knownHash && decoded(knownHash) !== address) {
      history.replaceState(null, '', address);
      knownHash = location.hash;
    }
  }, 250);
}

/** Lays out a panel for each map. */
function renderMaps() {
  for (const panel of all('.panel[data-map]')) {
    panel.hidden = true;
  }
  planes = view.maps.map(planesOf);
  view.maps.forEach((map, number) => {
    const panel = panelOf(map);
    if (panel) {
      panel.hidden = false;
      renderPanel(panel, map, number);
    }
  });
  if (view.maps.length === 0) {
    const panel = /** @type {HTMLElement} */ (document.querySelector('.panel[data-map="input"]'));
    panel.hidden = false;
    /** @type {HTMLElement} */ (panel.querySelector('.planes')).replaceChildren();
    /** @type {HTMLElement} */ (panel.querySelector('.loupe')).replaceChildren();
  }
  renderCoverage();
  renderTables();
  write(byId('rust'), view.code?.rust ?? '');
  write(byId('pytorch'), view.code?.pytorch ?? '');
  renderLook();
}

/** @param {MapView} map @param {number} number @returns {Plane[]} */
function planesOf(map, number) {
  const values = lesson.values(number);
  const [channelCount, rows, columns] = map.shape;
  const width = columns + (map.padded ? map.before[1] + map.after[1] : 0);
  const height = rows + (map.padded ? map.before[0] + map.after[0] : 0);
  const {before, after, beyond, padded} = map;
  return Array.from({length: channelCount}, (_, channel) => ({
    values,
    start: channel * width * height,
    width,
    rows,
    columns,
    before,
    after,
    beyond,
    padded,
    most: Math.max(-map.low, map.high),
    kind: map.picture ? 'gray' : 'signed',
    image: null,
    name: `${number}:${channel}`,
  }));
}

/** How wide a map is whose cells have no room for numbers. */
const OVERVIEW = 286;

/** How large the cells of a map are. @param {Plane} plane @param {number} count of planes */
function cellSize(plane, count) {
  const room = roomWidth - 2;
  const {columns} = wholePart(plane, 1);
  if (count > 1 && columns <= 12) {
    return Math.max(22, Math.min(30, Math.floor((room - 24) / (count * columns))));
  }
  const cell = Math.min(44, room / columns);
  if (cell >= DISTINCT && cell < READABLE) {
    // Without numbers large cells show no more than small ones. All such maps are equally wide: to change the size of a canvas takes
    // longer than to draw on it.
    return Math.min(room, OVERVIEW) / columns;
  }
  // Whole pixels where that matters: for cells that are as large as pixels, and for those with lines between them.
  return cell >= DISTINCT || (cell >= 1 && cell < 1.2) ? Math.floor(cell) : cell;
}

/** @param {HTMLElement} panel @param {MapView} map @param {number} number */
function renderPanel(panel, map, number) {
  const size = panel.querySelector('h3 .size');
  if (size instanceof HTMLElement) {
    write(size, sizes(map.shape));
  }
  const place = /** @type {HTMLElement} */ (panel.querySelector('.planes'));
  const count = planes[number].length;
  while (place.children.length > count) {
    const figure = place.lastElementChild;
    if (figure?.firstElementChild) {
      observer.unobserve(figure.firstElementChild);
      farAway.delete(figure.firstElementChild);
    }
    figure?.remove();
  }
  while (place.children.length < count) {
    place.append(element('figure', {}, newCanvas(true), element('figcaption')));
  }
  const cell = cellSize(planes[number][0], count);
  planes[number].forEach((plane, channel) => {
    const [canvas, caption] = place.children[channel].children;
    if (!(canvas instanceof HTMLCanvasElement) || !(caption instanceof HTMLElement)) {
      return;
    }
    onCanvas.set(canvas, {map: number, channel, part: wholePart(plane, cell)});
    const channelName = count > 1 ? `, channel ${channel + 1}` : '';
    canvas.setAttribute('aria-label', `${map.title}${channelName}, ${map.shape[1]}×${map.shape[2]}. Arrow keys move the window, Space plays.`);
    write(caption, count > 1 ? `channel ${channel + 1}` : '');
  });
  const loupe = /** @type {HTMLElement} */ (panel.querySelector('.loupe'));
  const needsLoupe = cell < READABLE;
  if (!needsLoupe) {
    loupe.replaceChildren();
  } else if (loupe.children.length === 0) {
    loupe.append(newCanvas(false));
  }
  renderFacts(panel, map, number);
}

/** @param {HTMLElement} panel @param {MapView} map @param {number} number */
function renderFacts(panel, map, number) {
  const facts = panel.querySelector('.facts');
  if (!facts) {
    return;
  }
  const lines = [];
  if (map.formulas) {
    const [rows, columns] = map.formulas;
    lines.push(...(rows === columns ? [`rows and columns: ${rows}`] : [`rows: ${rows}`, `columns: ${columns}`]));
  }
  if (map.shape[1] * map.shape[2] > 1) {
    lines.push(`from ${said(map.low)} to ${said(map.high)}`);
  }
  if (map.operation === 'convolution') {
    lines.push(`${grouped(map.cost.parameters)} parameters, ${grouped(map.cost.multiply_adds)} multiply-adds`);
  } else if (map.operation !== 'relu') {
    lines.push('no parameters');
  }
  if (map.has_indices) {
    lines.push(`indices: ${[...lesson.indices(number)].slice(0, 64).join(', ')}${map.shape[1] * map.shape[2] > 64 ? ', …' : ''}`);
  }
  facts.replaceChildren(...lines.map((line) => element('p', {}, line)));
}

/** How many windows lie over each pixel. */
function renderCoverage() {
  const place = byId('coverage');
  const map = view.maps[0];
  place.hidden = view.settings.coverage !== 'on' || !map || view.maps.length < 2;
  if (place.hidden) {
    return;
  }
  const counts = lesson.coverage(0);
  const [, rows, columns] = map.shape;
  const inputCell = cellSize(planes[0][0], planes[0].length);
  const most = counts.reduce((/** @type {number} */ most, /** @type {number} */ count) => Math.max(most, count), 0);
  const plane = planeAlone({values: counts, rows, columns, most, kind: 'count', name: 'coverage'});
  const figures = /** @type {HTMLElement} */ (place.querySelector('.planes'));
  let canvas = figures.querySelector('canvas');
  if (!canvas) {
    canvas = /** @type {HTMLCanvasElement} */ (element('canvas', {role: 'img'}));
    figures.append(canvas);
  }
  canvas.setAttribute('aria-label', `Windows over each pixel, up to ${plane.most}`);
  drawGrid(canvas, plane, wholePart(plane, inputCell), NO_MARKS);
}

/** A canvas that one can point at. @param {boolean} isWhole */
function newCanvas(isWhole) {
  const canvas = /** @type {HTMLCanvasElement} */ (
    element('canvas', isWhole ? {tabindex: '0', role: 'application', 'aria-roledescription': 'map'} : {'aria-hidden': 'true'})
  );
  observer.observe(canvas);
  const pointAt = (/** @type {PointerEvent} */ event) => {
    const shownThere = onCanvas.get(canvas);
    if (!shownThere) {
      return;
    }
    const {map, channel, part} = shownThere;
    const box = canvas.getBoundingClientRect();
    const column = part.column + Math.floor(((event.clientX - box.left) / box.width) * part.columns);
    const row = part.row + Math.floor(((event.clientY - box.top) / box.height) * part.rows);
    pointTo(map, channel, row, column);
  };
  canvas.addEventListener('pointerdown', (event) => {
    stop();
    pointAt(event);
  });
  if (isWhole) {
    // A finger lifts before it moves on: only while it lies there does the window follow it.
    canvas.addEventListener('pointermove', (event) => {
      if (playing === 0) {
        pointAt(event);
      }
    });
    canvas.addEventListener('keydown', onKey);
    canvas.addEventListener('focus', () => {
      const shownThere = onCanvas.get(canvas);
      if (shownThere && !canvas.matches(':hover')) {
        const {map, channel} = shownThere;
        const [row, column] = lastPlaces.get(map) ?? [0, 0];
        pointTo(map, channel, row, column);
      }
    });
  }
  return canvas;
}

/** @param {number} map @param {number} channel @param {number} row @param {number} column */
function pointTo(map, channel, row, column) {
  const [, rows, columns] = view.maps[map].shape;
  const within = (/** @type {number} */ at, /** @type {number} */ length) => Math.max(0, Math.min(length - 1, at));
  lesson.point(map, channel, within(row, rows), within(column, columns));
  renderLook();
  keepAddress();
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  /** @type {Record<string, Pair>} */
  const moves = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1]};
  const move = moves[event.key];
  if (event.altKey || event.ctrlKey || event.metaKey) {
    return;
  }
  if (move) {
    stop();
    const length = event.shiftKey ? 5 : 1;
    lesson.walk(move[0] * length, move[1] * length);
    renderLook();
    keepAddress();
  } else if (event.key === ' ') {
    playOrStop();
  } else if (event.key === 'Home' || event.key === 'End') {
    stop();
    const at = look?.at;
    if (at) {
      const [, rows, columns] = view.maps[at.map].shape;
      pointTo(at.map, at.channel, event.key === 'Home' ? 0 : rows, event.key === 'Home' ? 0 : columns);
    }
  } else {
    return;
  }
  event.preventDefault();
}

/** Shows the cell that is looked at, and draws all maps with what is marked on them. */
function renderLook() {
  look = JSON.parse(lesson.look());
  const cell = byId('cell');
  cell.hidden = look === null;
  if (!look) {
    return;
  }
  lastPlaces.set(look.at.map, [look.at.row, look.at.column]);
  const {output} = look;
  if (output && output.cell.map !== look.at.map) {
    lastPlaces.set(output.cell.map, [output.cell.row, output.cell.column]);
  }
  if (output?.operation === 'convolution' && output.cell.channel !== filterShown) {
    filterShown = output.cell.channel;
    renderFilters();
  }
  write(byId('headline'), headline(look));
  byId('terms').innerHTML = output ? termsShown(output) : '';
  write(byId('covering'), coveringShown(look));
  announce();
  draw();
}

/** Has a screen reader say what is looked at, when it has come to rest. */
function announce() {
  clearTimeout(announcing);
  if (playing === 0) {
    announcing = window.setTimeout(() => {
      write(byId('announcement'), ['headline', 'terms', 'covering'].map((id) => byId(id).textContent).join('. '));
    }, 400);
  }
}

/** Draws all maps. */
function draw() {
  if (!look) {
    return;
  }
  view.maps.forEach((map, number) => {
    const panel = panelOf(map);
    if (!panel) {
      return;
    }
    let focus = lastPlaces.get(number) ?? null;
    planes[number].forEach((plane, channel) => {
      const canvas = /** @type {HTMLCanvasElement} */ (panel.querySelector('.planes')?.children[channel]?.firstElementChild);
      const {part} = onCanvas.get(canvas) ?? {part: wholePart(plane, 1)};
      drawNear(canvas, plane, part, marksOn(number, channel));
    });
    const loupe = panel.querySelector('.loupe canvas');
    if (loupe instanceof HTMLCanvasElement && look) {
      const {output} = look;
      if (output && output.cell.map === number + 1 && output.rows.length > 0 && look.at.map !== number) {
        focus = [middle(output.rows), middle(output.columns)];
        lastPlaces.set(number, focus);
      } else if (look.covering?.map === number && look.covering.count > 0) {
        focus = [middle(look.covering.rows), middle(look.covering.columns)];
      } else if (output && number === 0 && output.cell.map > 1) {
        focus = [middle(output.field[0]), middle(output.field[1])];
      }
      const channel = Math.min(look.at.map === number ? look.at.channel : (output?.channel ?? 0), planes[number].length - 1);
      const plane = planes[number][channel];
      const part = loupePart(plane, focus ?? [0, 0]);
      onCanvas.set(loupe, {map: number, channel, part});
      drawNear(loupe, plane, part, marksOn(number, channel));
    }
  });
}

/** Draws a plane, or, where it is not seen, has only its place kept. @param {HTMLCanvasElement} canvas @param {Plane} plane @param {Part} part @param {Marks} marks */
function drawNear(canvas, plane, part, marks) {
  if (printing || !farAway.has(canvas)) {
    drawGrid(canvas, plane, part, marks);
    return;
  }
  canvas.style.width = `${part.columns * part.cell + 1}px`;
  canvas.style.height = `${part.rows * part.cell + 1}px`;
}

/** @param {number[]} places */
function middle(places) {
  return Math.floor((places[0] + places[places.length - 1]) / 2);
}

/** The neighbourhood of a place. @param {Plane} plane @param {Pair} place @returns {Part} */
function loupePart(plane, place) {
  const whole = wholePart(plane, 1);
  const wide = roomWidth - 2;
  const columns = Math.min(9, whole.columns);
  const rows = Math.min(5, whole.rows);
  const begin = (/** @type {number} */ at, /** @type {number} */ length, /** @type {number} */ first, /** @type {number} */ all) =>
    Math.max(first, Math.min(first + all - length, at - Math.floor(length / 2)));
  return {
    row: begin(place[0], rows, whole.row, whole.rows),
    column: begin(place[1], columns, whole.column, whole.columns),
    rows,
    columns,
    cell: Math.min(34, Math.floor(wide / columns)),
  };
}

/** @param {number} map @param {number} channel @returns {Marks} */
function marksOn(map, channel) {
  /** @type {Marks} */
  const marks = {...NO_MARKS};
  if (!look) {
    return marks;
  }
  const {at, output, covering} = look;
  if (output) {
    if (output.cell.map === map && output.cell.channel === channel) {
      marks.cell = [output.cell.row, output.cell.column];
    }
    if (output.cell.map === map + 1 && output.rows.length > 0 && (output.channel ?? channel) === channel) {
      const length = output.rows.length * output.columns.length;
      const weights = output.terms.filter((term) => term.channel === channel).map((term) => term.weight ?? '');
      marks.taps = {
        rows: output.rows,
        columns: output.columns,
        weights: output.operation === 'convolution' && weights.length === length ? weights : null,
      };
      if (output.operation === 'max' || output.operation === 'min') {
        marks.picked = output.picked;
      }
    }
    if (map === 0 && output.cell.map > 1) {
      marks.field = output.field;
    }
  }
  if (covering) {
    if (at.map === map && at.map === 0 && at.channel === channel) {
      marks.covered = [at.row, at.column];
    }
    if (covering.map === map && (covering.channel ?? channel) === channel) {
      marks.covering = {rows: covering.rows, columns: covering.columns};
    }
  }
  return marks;
}

/** Goes on by so many cells. @param {number} by */
function stride(by) {
  lesson.stride(by);
  renderLook();
  keepAddress();
}

function playOrStop() {
  if (playing !== 0) {
    stop();
    return;
  }
  playing = window.setInterval(() => stride(1), 700);
  write(byId('play'), 'Pause');
  stride(1);
}

function stop() {
  window.clearInterval(playing);
  playing = 0;
  write(byId('play'), 'Play');
  announce();
}

/** Goes to an address. @param {string} address @param {boolean} isNew whether the way back leads to what was shown before */
function open(address, isNew) {
  stop();
  clearTimeout(writingAddress);
  lastPlaces.clear();
  filterShown = 0;
  lesson.open(address);
  if (isNew) {
    history.pushState(null, '', `#${lesson.address()}`);
  }
  knownHash = location.hash;
  render();
}

/** @param {string} address */
function decoded(address) {
  try {
    return decodeURIComponent(address);
  } catch {
    return address;
  }
}

/** The bytes red, green, blue, opacity of a picture, at most so large. @param {Blob} file @param {number} most */
async function bytesOfPicture(file, most) {
  const picture = await createImageBitmap(file, {colorSpaceConversion: 'none', premultiplyAlpha: 'none'});
  const scale = Math.min(1, most / Math.max(picture.width, picture.height));
  const [width, height] = [picture.width, picture.height].map((side) => Math.max(1, Math.round(side * scale)));
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext('2d', {willReadFrequently: true});
  if (!context) {
    throw new Error('this browser cannot draw');
  }
  context.imageSmoothingQuality = 'high';
  context.drawImage(picture, 0, 0, width, height);
  return {width, height, bytes: new Uint8Array(context.getImageData(0, 0, width, height).data.buffer)};
}

/** @param {string} id @returns {Uint8Array<ArrayBuffer>} */
function dataOf(id) {
  return Uint8Array.from(atob(byId(id).textContent ?? ''), (letter) => letter.charCodeAt(0));
}

/** @param {Event} event */
async function takeOwnPicture(event) {
  const file = /** @type {HTMLInputElement} */ (event.target).files?.[0];
  if (!file) {
    return;
  }
  try {
    const {width, height, bytes} = await bytesOfPicture(file, 512);
    lesson.givePicture(true, height, width, bytes);
    render();
  } catch {
    showProblem('', `“${file.name}” is no picture that this browser can read`);
  }
}

/** @param {boolean} dark */
function setTheme(dark) {
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
  write(byId('theme'), dark ? 'Light' : 'Dark');
  colours = readColours();
}

function connectPage() {
  fillChoice(byId('steps'), choices.steps.map(({id, title, group}, at) => ({id, name: `${at + 1}. ${title}`, group})));
  fillChoice(/** @type {HTMLElement} */ (document.querySelector('[data-key="input"]')), choices.inputs);
  fillChoice(byId('filter'), [...choices.filters, {id: 'own', name: 'your own', group: ''}]);
  connectControls();
  // On a phone, the maps come first.
  for (const details of /** @type {HTMLDetailsElement[]} */ (all('details.fold'))) {
    details.open = matchMedia('(min-width: 641px)').matches;
  }
  byId('steps').addEventListener('input', (event) => goTo(/** @type {HTMLSelectElement} */ (event.target).value));
  byId('back').addEventListener('click', () => goTo(choices.steps[view.number - 2].id));
  byId('next').addEventListener('click', () => goTo(choices.steps[view.number].id));
  byId('previous-cell').addEventListener('click', () => {
    stop();
    stride(-1);
  });
  byId('next-cell').addEventListener('click', () => {
    stop();
    stride(1);
  });
  byId('play').addEventListener('click', playOrStop);
  byId('file').addEventListener('change', takeOwnPicture);
  for (const button of all('[data-move]')) {
    button.addEventListener('click', () => move(button.dataset.move ?? 'home'));
  }
  for (const button of all('[data-copy]')) {
    button.addEventListener('click', () => copy(button.dataset.copy ?? ''));
  }
  byId('theme').addEventListener('click', () => {
    setTheme(document.documentElement.dataset.theme !== 'dark');
    render();
  });
  const dark = matchMedia('(prefers-color-scheme: dark)');
  dark.addEventListener('change', () => {
    setTheme(dark.matches);
    render();
  });
  window.addEventListener('hashchange', () => open(decoded(location.hash.slice(1)), false));
  window.addEventListener('resize', () => render());
  // Paper is white.
  let theme = 'light';
  window.addEventListener('beforeprint', () => {
    theme = document.documentElement.dataset.theme ?? 'light';
    printing = true;
    for (const details of /** @type {HTMLDetailsElement[]} */ (all('details.fold'))) {
      details.open = true;
    }
    setTheme(false);
    render();
  });
  window.addEventListener('afterprint', () => {
    printing = false;
    setTheme(theme === 'dark');
    render();
  });
}

/** @param {string} id of a step */
function goTo(id) {
  open(id, true);
  window.scrollTo(0, 0);
}

/** Moves the input. @param {string} by */
function move(by) {
  const most = 4;
  const [down, right] = by === 'home' ? [0, 0] : by.split(',').map(Number);
  const [top, left] = by === 'home' ? [0, 0] : view.settings.shift.split(',').map(Number);
  const within = (/** @type {number} */ at) => Math.max(-most, Math.min(most, at));
  change('shift', `${within(top + down)},${within(left + right)}`);
}

/** @param {string} id of what is copied */
async function copy(id) {
  const text = byId(id).textContent ?? '';
  try {
    await navigator.clipboard.writeText(text);
    write(byId('copied'), 'Copied.');
  } catch {
    // From a file, browsers may refuse: then it is selected, to be copied by hand.
    getSelection()?.selectAllChildren(byId(id));
    write(byId('copied'), 'Selected: copy it with Ctrl C.');
  }
}

/** @type {Choices} */
let choices;

async function start() {
  setTheme(matchMedia('(prefers-color-scheme: dark)').matches);
  const gzipped = new Blob([dataOf('wasm')]).stream().pipeThrough(new DecompressionStream('gzip'));
  await wasm_bindgen({module_or_path: new Response(gzipped).arrayBuffer()});
  lesson = new wasm_bindgen.Lesson();
  choices = JSON.parse(lesson.choices());
  const photo = await bytesOfPicture(new Blob([dataOf('photo')], {type: 'image/webp'}), 4096);
  lesson.givePicture(false, photo.height, photo.width, photo.bytes);
  connectPage();
  open(decoded(location.hash.slice(1)), false);
  // For whoever wants to look closer, and for the tests.
  Object.assign(window, {lesson});
  document.documentElement.dataset.ready = 'yes';
}

start();
