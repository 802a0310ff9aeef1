/** The element with an id. @param {string} id @returns {HTMLElement} */
function byId(id) {
  const element = document.getElementById(id);
  if (!element) {
    throw new Error(`the page has no ${id}`);
  }
  return element;
}

/** @template {HTMLElement} T @param {string} selector @param {ParentNode} [within] @returns {T[]} */
function all(selector, within = document) {
  return /** @type {T[]} */ ([...within.querySelectorAll(selector)]);
}

/** A new element with text or children in it. @param {string} name @param {Record<string, string>} attributes @param {(Node | string)[]} children */
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) {
    made.setAttribute(attribute, value);
  }
  made.append(...children);
  return made;
}

/** Writes text only where it differs, so that nothing is laid out or read aloud anew. @param {HTMLElement} place @param {string} text */
function write(place, text) {
  if (place.textContent !== text) {
    place.textContent = text;
  }
}

/** Fills a choice, group by group. @param {HTMLElement} select @param {{id: string, name: string, group: string}[]} choices */
function fillChoice(select, choices) {
  /** @type {HTMLElement | null} */
  let group = null;
  for (const choice of choices) {
    if (choice.group && group?.getAttribute('label') !== choice.group) {
      group = element('optgroup', {label: choice.group});
      select.append(group);
    }
    (choice.group && group ? group : select).append(element('option', {value: choice.id}, choice.name));
  }
}

/** The field that one types in: it is not written to. @type {EventTarget | null} */
let typing = null;

/** Does what follows from typing in a field. @param {EventTarget | null} field @param {() => void} follow */
function whileTyping(field, follow) {
  typing = field;
  follow();
  typing = null;
}

/** Which of several filters is shown. */
let filterShown = 0;

/** Lets every control set what it is for. */
function connectControls() {
  for (const control of /** @type {(HTMLInputElement | HTMLSelectElement)[]} */ (all('[data-key]'))) {
    const key = control.dataset.key ?? '';
    control.addEventListener('input', () => {
      const word = control instanceof HTMLInputElement ? (control.checked ? 'on' : 'off') : control.value;
      change(key, word);
    });
  }
  for (const control of /** @type {HTMLInputElement[]} */ (all('[data-pair]'))) {
    const key = control.dataset.pair ?? '';
    const pair = /** @type {HTMLInputElement[]} */ (all(`[data-pair="${key}"]`));
    const what = control.closest('tr')?.firstElementChild?.textContent;
    control.setAttribute('aria-label', `${key.startsWith('pool') ? 'pooling' : 'filter'} ${what}, ${control === pair[0] ? 'rows' : 'columns'}`);
    control.addEventListener('input', () => whileTyping(control, () => change(key, pair.map((one) => one.value).join(','))));
  }
  for (const control of /** @type {HTMLSelectElement[]} */ (all('[data-rule]'))) {
    const key = control.dataset.rule ?? '';
    const pair = /** @type {HTMLInputElement[]} */ (all(`[data-pair="${key}"]`));
    control.addEventListener('input', () => {
      change(key, control.value === 'number' ? pair.map((one) => one.value || '0').join(',') : control.value);
    });
  }
  byId('filter').addEventListener('input', (event) => change('filter', /** @type {HTMLSelectElement} */ (event.target).value));
  byId('filter-count').addEventListener('input', (event) =>
    whileTyping(event.target, () => change('filter-count', /** @type {HTMLInputElement} */ (event.target).value)),
  );
  for (const details of /** @type {HTMLDetailsElement[]} */ (all('details.numbers'))) {
    details.addEventListener('toggle', () => renderTables());
  }
}

/** Shows in every control what is set. */
function renderControls() {
  const {settings, filters} = view;
  const words = {...settings};
  if (filters) {
    words['filter-size'] = `${filters.shape[2]},${filters.shape[3]}`;
  }
  for (const control of /** @type {(HTMLInputElement | HTMLSelectElement)[]} */ (all('[data-key]'))) {
    const word = words[control.dataset.key ?? ''];
    if (control instanceof HTMLInputElement) {
      control.checked = word === 'on';
    } else {
      control.value = word;
    }
  }
  for (const control of /** @type {HTMLInputElement[]} */ (all('[data-pair]'))) {
    const key = control.dataset.pair ?? '';
    const pair = all(`[data-pair="${key}"]`);
    const word = (words[key] ?? '').split(',')[pair.indexOf(control)];
    control.disabled = (words[key] ?? '').startsWith('same');
    // Whoever types is not interrupted.
    if (typing !== control) {
      control.value = control.disabled ? '' : (word ?? '');
    }
  }
  for (const control of /** @type {HTMLSelectElement[]} */ (all('[data-rule]'))) {
    const word = words[control.dataset.rule ?? ''];
    control.value = word.startsWith('same') ? word : 'number';
  }
  const selects = ['max', 'min'].includes(settings.pool);
  disable('unpool', !selects);
  disable('pool-count-padding', settings.pool !== 'average');
  byId('conv-settings').hidden = settings.conv !== 'on';
  byId('pool-settings').hidden = settings.pool === 'off' || settings.pool.startsWith('global-');
  byId('file-line').hidden = settings.input !== 'own';
  renderFilters();
}

/** @param {string} key @param {boolean} disabled */
function disable(key, disabled) {
  for (const control of /** @type {HTMLInputElement[]} */ (all(`[data-key="${key}"]`))) {
    control.disabled = disabled;
  }
}

/** The filter with a field for each weight. Fields stay while one types in them. */
function renderFilters() {
  const {filters} = view;
  const place = byId('filter-cells');
  if (!filters) {
    return;
  }
  const [count, channelCount, rows, columns] = filters.shape;
  filterShown = Math.min(filterShown, count - 1);
  const name = /** @type {HTMLSelectElement} */ (byId('filter'));
  name.value = filters.name;
  write(/** @type {HTMLElement} */ (byId('h-conv').querySelector('.size')), `${rows}×${columns}${channelCount > 1 ? `×${channelCount}` : ''}`);
  const counter = /** @type {HTMLInputElement} */ (byId('filter-count'));
  if (typing !== counter) {
    counter.value = String(count);
  }
  const shape = `${filters.shape}:${filterShown}`;
  if (place.dataset.shape !== shape) {
    place.dataset.shape = shape;
    place.replaceChildren(...filterFields(filters));
  }
  const most = Math.max(...filters.values.map(Math.abs));
  const inputs = /** @type {HTMLInputElement[]} */ (all('input', place));
  const start = filterShown * channelCount * rows * columns;
  inputs.forEach((input, at) => {
    const text = weightShown(filters.texts[start + at]);
    if (typing !== input && input.value !== text) {
      input.value = text;
    }
    const shade = shadeOf(filters.values[start + at], most, false);
    if (input.style.backgroundColor !== colours.shades[shade]) {
      input.style.backgroundColor = colours.shades[shade];
      input.style.color = colours.inks[shade];
    }
  });
}

/** @param {FilterView} filters */
function filterFields(filters) {
  const [count, channelCount, rows, columns] = filters.shape;
  /** @type {HTMLElement[]} */
  const made = [];
  if (count > 1) {
    const tabs = element('div', {class: 'tabs', role: 'group', 'aria-label': 'Which filter'});
    for (let filter = 0; filter < count; filter += 1) {
      const button = element('button', {type: 'button', 'aria-pressed': String(filter === filterShown)}, `Filter ${filter + 1}`);
      button.addEventListener('click', () => {
        filterShown = filter;
        renderFilters();
        /** @type {HTMLElement | null} */ (byId('filter-cells').querySelector('[aria-pressed="true"]'))?.focus();
      });
      tabs.append(button);
    }
    made.push(tabs);
  }
  for (let channel = 0; channel < channelCount; channel += 1) {
    if (channelCount > 1) {
      made.push(element('h4', {}, `Channel ${channel + 1}`));
    }
    const table = element('table', {class: columns > 3 ? 'cells wide' : channelCount > 1 ? 'cells small' : 'cells', role: 'presentation'});
    for (let row = 0; row < rows; row += 1) {
      const line = element('tr');
      for (let column = 0; column < columns; column += 1) {
        const where = `filter ${filterShown + 1}, channel ${channel + 1}, row ${row}, column ${column}`;
        const input = element('input', {type: 'text', 'aria-label': `Weight: ${where}`, autocomplete: 'off', spellcheck: 'false'});
        input.addEventListener('input', () => whileTyping(input, setWeights));
        line.append(element('td', {}, input));
      }
      table.append(line);
    }
    made.push(table);
  }
  return made;
}

/** Sets the filters to what stands in the fields. */
function setWeights() {
  const {filters} = view;
  const shape = filters?.shape ?? lastFilters?.shape;
  const texts = [...(filters?.texts ?? lastFilters?.texts ?? [])];
  if (!shape) {
    return;
  }
  const inputs = /** @type {HTMLInputElement[]} */ (all('input', byId('filter-cells')));
  inputs.forEach((input, at) => {
    texts[filterShown * inputs.length + at] = weightRead(input.value);
  });
  change('filters', joined(texts, shape));
}

/** Numbers as the lesson reads them. @param {string[]} texts @param {number[]} shape filters, channels, rows, columns */
function joined(texts, [, channelCount, rows, columns]) {
  return texts
    .map((text, at) => {
      const next = at + 1;
      if (next === texts.length) {
        return text;
      }
      const ends = [channelCount * rows * columns, rows * columns, columns, 1];
      return text + '!;/,'[ends.findIndex((length) => next % length === 0)];
    })
    .join('');
}

/** The numbers of maps as tables, where one is open. */
function renderTables() {
  view.maps.forEach((map, number) => {
    const panel = panelOf(map);
    const details = /** @type {HTMLDetailsElement | null} */ (panel?.querySelector('details.numbers'));
    if (!details) {
      return;
    }
    const [channelCount, rows, columns] = map.shape;
    const few = channelCount * rows * columns <= (number === 0 ? 150 : 1200);
    details.hidden = !few || (number === 0 && map.picture);
    if (!details.open || details.hidden) {
      return;
    }
    const place = /** @type {HTMLElement} */ (details.querySelector('.table'));
    if (place.contains(document.activeElement) && document.activeElement instanceof HTMLInputElement) {
      return;
    }
    place.replaceChildren(...tablesOf(map, number));
    place.tabIndex = 0;
    place.setAttribute('role', 'region');
    place.setAttribute('aria-label', `${map.title}: numbers`);
  });
}

/** @param {MapView} map @param {number} number */
function tablesOf(map, number) {
  const [channelCount, rows, columns] = map.shape;
  /** @type {HTMLElement[]} */
  const made = [];
  for (let channel = 0; channel < channelCount; channel += 1) {
    const plane = planes[number][channel];
    if (channelCount > 1) {
      made.push(element('h4', {}, `Channel ${channel + 1}`));
    }
    const table = element('table', number === 0 ? {role: 'presentation'} : {});
    for (let row = 0; row < rows; row += 1) {
      const line = element('tr');
      for (let column = 0; column < columns; column += 1) {
        const value = numberAt(plane, row, column) ?? 0;
        if (number > 0) {
          line.append(element('td', {}, said(value)));
          continue;
        }
        const where = `channel ${channel + 1}, row ${row}, column ${column}`;
        const input = /** @type {HTMLInputElement} */ (element('input', {type: 'text', 'aria-label': `Pixel: ${where}`, autocomplete: 'off'}));
        input.value = said(value);
        input.addEventListener('input', () => setPixels(map));
        line.append(element('td', {class: 'edit'}, input));
      }
      table.append(line);
    }
    made.push(table);
  }
  if (number === 0) {
    const reset = element('button', {type: 'button'}, 'As they were');
    reset.addEventListener('click', () => {
      change('pixels', '');
      renderTables();
    });
    made.push(reset);
  }
  return made;
}

/** Sets the input to what stands in its fields. @param {MapView} map */
function setPixels(map) {
  const fields = /** @type {HTMLInputElement[]} */ (all('.panel[data-map="input"] .table input'));
  change('pixels', joined(fields.map((field) => weightRead(field.value)), [1, ...map.shape]));
}

