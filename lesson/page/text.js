/** A number as a cell has room for it. @param {number} number */
function shown(number) {
  if (Number.isInteger(number)) {
    return String(number).replace('-', '−');
  }
  const size = Math.abs(number);
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : 2;
  return String(Number(number.toFixed(digits))).replace('-', '−');
}

/** A number in a sentence: with four digits. @param {number} number */
function said(number) {
  return Number.isInteger(number) ? shown(number) : String(Number(number.toPrecision(4))).replace('-', '−');
}

/** A number as a factor or a term after a plus. @param {string} text */
function inBrackets(text) {
  return text.startsWith('−') ? `(${text})` : text;
}

/** A weight as people write it: fractions with a slash. @param {string} text */
function weightShown(text) {
  return text.replace(':', '/').replace('-', '−');
}

/** A weight as the lesson reads it. @param {string} text */
function weightRead(text) {
  return text.trim().replace('/', ':').replace('−', '-').replace(/[,;!&]/g, '.');
}

/** With spaces between thousands. @param {number} number */
function grouped(number) {
  return String(number).replace(/\B(?=(\d{3})+$)/g, '\u202f');
}

/** @param {number} bytes */
function memory(bytes) {
  const units = ['bytes', 'KiB', 'MiB', 'GiB'];
  let unit = 0;
  let size = bytes;
  while (size >= 1024 && unit + 1 < units.length) {
    size /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? size : size.toPrecision(3)} ${units[unit]}`;
}

/** `28×28`, and with channels `28×28×3`. @param {number[]} shape channels, rows, columns */
function sizes(shape) {
  const [channels, ...rest] = shape;
  if (rest.length === 0) {
    return grouped(channels);
  }
  return rest.join('×') + (channels > 1 ? `×${channels}` : '');
}

/** @param {Look} look */
function headline(look) {
  const output = look.output;
  if (!output) {
    return `Pixel (${look.at.row}, ${look.at.column}) is ${said(look.value)}`;
  }
  const {cell, value, number, of} = output;
  return `${mapName(cell)}, cell (${cell.row}, ${cell.column}) = ${said(value)} · ${number} of ${of}`;
}

/** @param {Cell} cell */
function mapName(cell) {
  const map = view.maps[cell.map];
  return map.title + (map.shape[0] > 1 ? ` ${cell.channel + 1}` : '');
}

/** The terms of an output, as HTML; all that is put in are numbers and words of this page. @param {Output} output */
function termsShown(output) {
  const pixels = output.terms.map((term) => {
    const text = said(term.pixel);
    return term.padding ? `<span class="pad">${text}</span>` : text;
  });
  const result = `<b>${said(output.value)}</b>`;
  const more = output.more > 0 ? ` … and ${output.more} more` : '';
  const skipped =
    output.skipped > 0
      ? `, as ${output.skipped === 1 ? 'one tap lies' : `${output.skipped} taps lie`} on padding, where there is nothing`
      : '';
  switch (output.operation) {
    case 'convolution': {
      const products = output.terms.map((term, at) => {
        const weight = inBrackets(weightShown(term.weight ?? ''));
        return `${output.terms[at].pixel < 0 ? `(${pixels[at]})` : pixels[at]}·${weight}`;
      });
      return `${products.join(' + ')}${more} = ${result}`;
    }
    case 'relu':
      return `max(0, ${pixels[0]}) = ${result}`;
    case 'max':
    case 'min': {
      const picked = said(output.value);
      let found = false;
      const marked = pixels.map((text) => {
        const isIt = !found && text === picked;
        found ||= isIt;
        return isIt ? `<span class="picked">${text}</span>` : text;
      });
      const index = output.index === null ? '' : ` · index ${output.index}`;
      return `${output.operation}(${marked.join(', ')}${more}) = ${result}${skipped}${index}`;
    }
    case 'average': {
      const sum = pixels.map(inBrackets).join(' + ');
      return `(${sum}${more}) / ${output.divisor} = ${said(output.sum ?? 0)} / ${output.divisor} = ${result}${skipped}`;
    }
    case 'l2': {
      const squares = pixels.map((text) => `${inBrackets(text)}²`).join(' + ');
      return `√(${squares}${more}) = √${said(output.sum ?? 0)} = ${result}${skipped}`;
    }
    default:
      return output.picked
        ? `${result} comes back from cell (${output.picked[0]}, ${output.picked[1]}), whose index is ${output.index}`
        : `no maximum came from here: ${result}`;
  }
}

/** @param {Look} look */
function coveringShown(look) {
  const covering = look.covering;
  // After ReLU every cell has a window of its own, which is nothing to tell.
  if (!covering || view.maps[covering.map].operation === 'relu') {
    return '';
  }
  const {at} = look;
  const what = at.map === 0 ? 'Pixel' : `${mapName(at)},`;
  const windows = covering.of === 1 ? 'window' : 'windows';
  return `${what} (${at.row}, ${at.column}) = ${said(look.value)} lies in ${covering.count} of ${covering.of} ${windows}`;
}

