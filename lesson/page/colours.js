/**
 * The colours of a theme, as the style sheet names them, and shades of them for numbers.
 *
 * @typedef {{
 *   ink: string, quiet: string, line: string, paper: string, window: string, cover: string,
 *   shades: string[], inks: string[], bytes: Uint8ClampedArray, countInks: string[], countBytes: Uint8ClampedArray, grayInks: string[], grayBytes: Uint8ClampedArray,
 * }} Colours
 */

/** Shades on either side of zero. */
const SHADES = 100;

/** @type {Colours} */
let colours = readColours();

/** @returns {Colours} */
function readColours() {
  const style = getComputedStyle(document.documentElement);
  const read = (/** @type {string} */ name) => style.getPropertyValue(`--${name}`).trim();
  const [zero, positive, negative, cover] = ['zero', 'positive', 'negative', 'cover-shade'].map((name) => channels(read(name)));
  const diverging = [];
  for (let at = -SHADES; at <= SHADES; at += 1) {
    diverging.push(between(zero, at < 0 ? negative : positive, Math.abs(at) / SHADES));
  }
  const counting = [];
  for (let at = 0; at <= SHADES; at += 1) {
    counting.push(between(zero, cover, at / SHADES));
  }
  const gray = Array.from({length: 256}, (_, level) => [level, level, level]);
  return {
    ink: read('ink'),
    quiet: read('quiet'),
    line: read('line'),
    paper: read('surface'),
    window: read('window'),
    cover: read('cover'),
    shades: diverging.map(css),
    inks: diverging.map(inkOn),
    bytes: bytesOf(diverging),
    countInks: counting.map(inkOn),
    countBytes: bytesOf(counting),
    grayInks: gray.map(inkOn),
    grayBytes: bytesOf(gray),
  };
}

/** @param {string} hex */
function channels(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

/** @param {number[]} from @param {number[]} to @param {number} part */
function between(from, to, part) {
  return from.map((channel, at) => Math.round(channel + (to[at] - channel) * part));
}

/** @param {number[]} colour */
function css(colour) {
  return `rgb(${colour.join(', ')})`;
}

/** @param {number[][]} list */
function bytesOf(list) {
  return new Uint8ClampedArray(list.flatMap((colour) => [...colour, 255]));
}

/** Black or white, whichever is easier to read on a colour. @param {number[]} colour */
function inkOn(colour) {
  const [red, green, blue] = colour.map((channel) => {
    const part = channel / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.19 ? '#101418' : '#ffffff';
}

/** Which shade a number has, of those from the most negative to the most positive. @param {number} number @param {number} most @param {boolean} faint */
function shadeOf(number, most, faint) {
  if (most === 0) {
    return SHADES;
  }
  const part = Math.min(1, Math.abs(number) / most);
  // In large maps few cells are far from 0: without this all others would look alike.
  const shade = Math.round((faint ? Math.sqrt(part) : part) * SHADES);
  return number < 0 ? SHADES - shade : SHADES + shade;
}

