/**
 * One plane of a map, ready to be drawn.
 *
 * @typedef {{
 *   values: ArrayLike<number>, start: number, width: number, rows: number, columns: number, before: Pair, after: Pair, beyond: Pair,
 *   padded: boolean, most: number, kind: 'signed' | 'gray' | 'count', image: HTMLCanvasElement | null, name: string,
 * }} Plane
 *
 * The part of a plane that a canvas shows, by its first row and column: negative in the padding.
 * @typedef {{row: number, column: number, rows: number, columns: number, cell: number}} Part
 *
 * What is marked on a plane.
 * @typedef {{
 *   taps: {rows: number[], columns: number[], weights: string[] | null} | null, cell: Pair | null, covered: Pair | null,
 *   covering: {rows: number[], columns: number[]} | null, field: [Pair, Pair] | null, picked: Pair | null,
 * }} Marks
 */

/** From this size of a cell on there is room for its number. */
const READABLE = 20;
/** Below this size there is no room for a line between cells. */
const DISTINCT = 6;

/** A plane of more cells than these is looked at as a whole. */
const MANY = 1024;

/** Which gray, or which colour of counts, a number has. @param {Plane} plane @param {number} number */
function levelOf(plane, number) {
  if (plane.kind === 'gray') {
    return Math.max(0, Math.min(255, Math.round(number)));
  }
  return plane.most === 0 ? 0 : Math.round((number / plane.most) * SHADES);
}

/**
 * Numbers that are a plane of their own, without padding.
 * @param {Pick<Plane, 'values' | 'rows' | 'columns' | 'most' | 'kind' | 'name'>} shown @returns {Plane}
 */
function planeAlone(shown) {
  return {...shown, start: 0, width: shown.columns, before: [0, 0], after: [0, 0], beyond: [0, 0], padded: false, image: null};
}

/** All of a plane, with the padding around it. @param {Plane} plane @param {number} cell @returns {Part} */
function wholePart(plane, cell) {
  return {
    row: -plane.before[0],
    column: -plane.before[1],
    rows: plane.before[0] + plane.rows + plane.after[0] + plane.beyond[0],
    columns: plane.before[1] + plane.columns + plane.after[1] + plane.beyond[1],
    cell,
  };
}

/** The number at a place; null where there is none. @param {Plane} plane @param {number} row @param {number} column */
function numberAt(plane, row, column) {
  const isPixel = row >= 0 && column >= 0 && row < plane.rows && column < plane.columns;
  if (plane.padded) {
    const [above, left] = plane.before;
    const isPadding = row >= -above && column >= -left && row < plane.rows + plane.after[0] && column < plane.columns + plane.after[1];
    return isPadding ? plane.values[plane.start + (row + above) * plane.width + column + left] : null;
  }
  return isPixel ? plane.values[plane.start + row * plane.width + column] : null;
}

/** The drawing context of a canvas of this size in pixels of the style sheet. @param {HTMLCanvasElement} canvas @param {number} width @param {number} height */
function contextOf(canvas, width, height) {
  const scale = printing ? 3 : Math.min(3, Math.max(1, window.devicePixelRatio));
  const [across, down] = [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
  if (canvas.width !== across || canvas.height !== down) {
    canvas.width = across;
    canvas.height = down;
  }
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext('2d');
  if (!context) {
    throw new Error('this browser cannot draw');
  }
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

/** The colour of a number on its shade. @param {Plane} plane @param {number} number */
function inkAt(plane, number) {
  if (plane.kind === 'signed') {
    return colours.inks[shadeOf(number, plane.most, plane.rows * plane.columns > MANY)];
  }
  return (plane.kind === 'gray' ? colours.grayInks : colours.countInks)[levelOf(plane, number)];
}

/** @param {HTMLCanvasElement} canvas @param {Plane} plane @param {Part} part @param {Marks} marks */
function drawGrid(canvas, plane, part, marks) {
  const {cell} = part;
  const context = contextOf(canvas, part.columns * cell + 1, part.rows * cell + 1);
  context.translate(0.5, 0.5);
  const x = (/** @type {number} */ column) => (column - part.column) * cell;
  const y = (/** @type {number} */ row) => (row - part.row) * cell;
  drawImage(context, plane, part);
  if (cell >= READABLE) {
    drawNumbers(context, plane, part, x, y);
  }
  if (cell >= DISTINCT) {
    drawLines(context, part);
  }
  if (plane.before[0] + plane.before[1] + plane.after[0] + plane.after[1] > 0) {
    context.strokeStyle = colours.ink;
    context.lineWidth = 1.5;
    context.strokeRect(x(0), y(0), plane.columns * cell, plane.rows * cell);
  }
  drawMarks(context, plane, part, marks, x, y);
}

/**
 * @param {CanvasRenderingContext2D} context @param {Plane} plane @param {Part} part
 * @param {(column: number) => number} x @param {(row: number) => number} y
 */
function drawNumbers(context, plane, part, x, y) {
  const {cell} = part;
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  // Numbers wait until all of one colour and font can be written: changing them takes longer than writing.
  /** @type {Map<string, {text: string, row: number, column: number}[]>} */
  const texts = new Map();
  for (let row = part.row; row < part.row + part.rows; row += 1) {
    for (let column = part.column; column < part.column + part.columns; column += 1) {
      const number = numberAt(plane, row, column);
      const isPixel = row >= 0 && column >= 0 && row < plane.rows && column < plane.columns;
      if (number === null) {
        drawNothing(context, x(column), y(row), cell);
        continue;
      }
      const text = shown(number);
      const size = Math.round(Math.min(cell * 0.42, (cell * 1.4) / Math.max(2, text.length)));
      const font = `${isPixel ? '' : 'italic '}${size}px system-ui, 'DejaVu Sans', sans-serif`;
      const style = `${isPixel ? inkAt(plane, number) : colours.ink}|${font}`;
      const others = texts.get(style);
      if (others) {
        others.push({text, row, column});
      } else {
        texts.set(style, [{text, row, column}]);
      }
    }
  }
  for (const [style, list] of texts) {
    [context.fillStyle, context.font] = style.split('|');
    for (const {text, row, column} of list) {
      context.fillText(text, x(column) + cell / 2, y(row) + cell / 2 + 0.5);
    }
  }
}

/** Lines between cells. @param {CanvasRenderingContext2D} context @param {Part} part */
function drawLines(context, {rows, columns, cell}) {
  context.strokeStyle = colours.line;
  context.lineWidth = 1;
  context.globalAlpha = cell < READABLE ? 0.35 : 1;
  context.beginPath();
  for (let row = 0; row <= rows; row += 1) {
    context.moveTo(0, row * cell);
    context.lineTo(columns * cell, row * cell);
  }
  for (let column = 0; column <= columns; column += 1) {
    context.moveTo(column * cell, 0);
    context.lineTo(column * cell, rows * cell);
  }
  context.stroke();
  context.globalAlpha = 1;
}

/** A place where there is no pixel: a dot. @param {CanvasRenderingContext2D} context @param {number} left @param {number} top @param {number} cell */
function drawNothing(context, left, top, cell) {
  const size = Math.max(1, cell / 14);
  context.fillStyle = colours.quiet;
  context.fillRect(left + cell / 2 - size / 2, top + cell / 2 - size / 2, size, size);
}

/** The shades of a part, those on the padding faint. @param {CanvasRenderingContext2D} context @param {Plane} plane @param {Part} part */
function drawImage(context, plane, part) {
  plane.image ??= imageOf(plane);
  context.imageSmoothingEnabled = part.cell < 1;
  if (plane.padded) {
    context.globalAlpha = 0.45;
    const [above, left] = plane.before;
    drawShades(context, plane, part, -above, -left, plane.rows + plane.after[0], plane.columns + plane.after[1]);
    context.globalAlpha = 1;
  }
  drawShades(context, plane, part, 0, 0, plane.rows, plane.columns);
}

/**
 * What a part has of a rectangle of cells.
 *
 * @param {CanvasRenderingContext2D} context @param {Plane} plane @param {Part} part
 * @param {number} top @param {number} left @param {number} bottom @param {number} right
 */
function drawShades(context, plane, part, top, left, bottom, right) {
  const {cell} = part;
  const [fromRow, fromColumn] = [Math.max(top, part.row), Math.max(left, part.column)];
  const rows = Math.min(bottom, part.row + part.rows) - fromRow;
  const columns = Math.min(right, part.column + part.columns) - fromColumn;
  if (!plane.image || rows <= 0 || columns <= 0) {
    return;
  }
  const [above, before] = plane.padded ? plane.before : [0, 0];
  const [x, y] = [(fromColumn - part.column) * cell, (fromRow - part.row) * cell];
  context.drawImage(plane.image, fromColumn + before, fromRow + above, columns, rows, x, y, columns * cell, rows * cell);
}

/** Canvases for planes with a pixel for each number, by the names of the planes: making one takes longer than drawing it. @type {Map<string, HTMLCanvasElement>} */
const images = new Map();

/** A plane with a pixel for each number. @param {Plane} plane */
function imageOf(plane) {
  const rows = plane.rows + (plane.padded ? plane.before[0] + plane.after[0] : 0);
  const canvas = images.get(plane.name) ?? document.createElement('canvas');
  images.set(plane.name, canvas);
  if (canvas.width !== plane.width || canvas.height !== rows) {
    canvas.width = plane.width;
    canvas.height = rows;
  }
  const context = canvas.getContext('2d', {willReadFrequently: true});
  if (!context) {
    throw new Error('this browser cannot draw');
  }
  const image = context.createImageData(plane.width, rows);
  const pixels = new Uint32Array(image.data.buffer);
  const {kind, most} = plane;
  const palette = new Uint32Array({gray: colours.grayBytes, count: colours.countBytes, signed: colours.bytes}[kind].buffer);
  const faint = plane.rows * plane.columns > MANY;
  for (let at = 0; at < pixels.length; at += 1) {
    pixels[at] = palette[kind === 'signed' ? shadeOf(plane.values[plane.start + at], most, faint) : levelOf(plane, plane.values[plane.start + at])];
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

/**
 * @param {CanvasRenderingContext2D} context @param {Plane} plane @param {Part} part @param {Marks} marks
 * @param {(column: number) => number} x @param {(row: number) => number} y
 */
function drawMarks(context, plane, part, marks, x, y) {
  const {cell} = part;
  const frame = (/** @type {number} */ row, /** @type {number} */ column, /** @type {number} */ rows, /** @type {number} */ columns) => {
    // However small its cells are, a frame can be seen.
    const room = cell < DISTINCT ? 3 : 0;
    context.strokeRect(x(column) - room, y(row) - room, columns * cell + 2 * room, rows * cell + 2 * room);
  };
  /** A line that stands out from light and dark. @param {string} colour @param {number} width @param {() => void} draw */
  const outlined = (colour, width, draw) => {
    context.strokeStyle = colours.paper;
    context.lineWidth = width + 2;
    draw();
    context.strokeStyle = colour;
    context.lineWidth = width;
    draw();
  };
  if (marks.field) {
    const [[top, bottom], [left, right]] = marks.field;
    context.setLineDash([4, 3]);
    outlined(colours.window, 1.5, () => frame(top, left, bottom - top + 1, right - left + 1));
    context.setLineDash([]);
  }
  if (marks.taps) {
    const {rows, columns, weights} = marks.taps;
    const [top, left] = [rows[0], columns[0]];
    const [down, across] = [rows[rows.length - 1] - top + 1, columns[columns.length - 1] - left + 1];
    const hasHoles = down > rows.length || across > columns.length;
    if (cell >= DISTINCT && rows.length * columns.length < 1000) {
      rows.forEach((row, i) =>
        columns.forEach((column, j) => {
          if (hasHoles) {
            context.strokeStyle = colours.window;
            context.lineWidth = 2;
            context.strokeRect(x(column) + 1.5, y(row) + 1.5, cell - 3, cell - 3);
          }
          const number = numberAt(plane, row, column);
          if (weights && number !== null && cell >= 38) {
            context.fillStyle = inkAt(plane, number);
            drawWeight(context, weights[i * columns.length + j], x(column), y(row), cell);
          }
        }),
      );
    }
    outlined(colours.window, 2.5, () => frame(top, left, down, across));
  }
  if (marks.covering && marks.covering.rows.length > 0 && marks.covering.columns.length > 0) {
    const {rows, columns} = marks.covering;
    context.setLineDash([3, 2]);
    if (cell < DISTINCT) {
      outlined(colours.cover, 1.5, () =>
        frame(rows[0], columns[0], rows[rows.length - 1] - rows[0] + 1, columns[columns.length - 1] - columns[0] + 1),
      );
    } else {
      context.strokeStyle = colours.cover;
      context.lineWidth = 2;
      rows.forEach((row) => columns.forEach((column) => context.strokeRect(x(column) + 2.5, y(row) + 2.5, cell - 5, cell - 5)));
    }
    context.setLineDash([]);
  }
  if (marks.covered && cell >= DISTINCT) {
    context.strokeStyle = colours.cover;
    context.lineWidth = 2.5;
    context.strokeRect(x(marks.covered[1]) + 3, y(marks.covered[0]) + 3, cell - 6, cell - 6);
  }
  if (marks.picked && cell >= DISTINCT) {
    context.strokeStyle = colours.window;
    context.lineWidth = 2;
    context.beginPath();
    context.arc(x(marks.picked[1]) + cell / 2, y(marks.picked[0]) + cell / 2, cell * 0.36, 0, 2 * Math.PI);
    context.stroke();
  }
  const {cell: chosen} = marks;
  if (chosen) {
    outlined(colours.window, 2.5, () => frame(chosen[0], chosen[1], 1, 1));
  }
}

/** A weight in the corner of its cell. @param {CanvasRenderingContext2D} context @param {string} weight @param {number} left @param {number} top @param {number} cell */
function drawWeight(context, weight, left, top, cell) {
  const text = `·${weightShown(weight)}`;
  context.font = `${Math.round(Math.min(cell * 0.26, (cell * 1.2) / text.length))}px system-ui, 'DejaVu Sans', sans-serif`;
  context.textAlign = 'right';
  context.textBaseline = 'alphabetic';
  context.fillText(text, left + cell - 4, top + cell - 5);
  context.textAlign = 'center';
  context.textBaseline = 'middle';
}

