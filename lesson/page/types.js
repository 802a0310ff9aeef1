/**
 * What the lesson says, as it writes it in JSON: see `view.rs` and `look.rs`.
 *
 * @typedef {{id: string, group: string, title: string, text: string, part: 'maps' | 'shift' | 'cost'}} Step
 * @typedef {{id: string, name: string, group: string}} Choice
 * @typedef {{steps: Step[], inputs: Choice[], filters: Choice[]}} Choices
 * @typedef {[number, number]} Pair for rows and for columns
 * @typedef {{
 *   title: string, operation: string, shape: [number, number, number], low: number, high: number, picture: boolean,
 *   before: Pair, after: Pair, beyond: Pair, padded: boolean, formulas: [string, string] | null,
 *   cost: {parameters: number, multiply_adds: number}, has_indices: boolean,
 * }} MapView
 * @typedef {{name: string, shape: [number, number, number, number], texts: string[], values: number[]}} FilterView
 * @typedef {{changed: number, cells: number, unlike: number, mean: number}} Summary
 * @typedef {{name: string, shape: [number, number, number], low: number, high: number, summary: Summary}} StageView
 * @typedef {{name: string, shape: number[], parameters: number, multiply_adds: number, bytes: number}} Layer
 * @typedef {{layers: Layer[], parameters: number, multiply_adds: number, bytes: number}} Network
 * @typedef {{
 *   number: number, of: number, step: Step, address: string, settings: Record<string, string>, filters: FilterView | null,
 *   maps: MapView[], operations: string[], failure: [number | null, string] | null,
 *   code: {rust: string, pytorch: string} | null, shift: StageView[],
 *   cost: {without: Network, with: Network, notes: Network} | null,
 * }} View
 *
 * @typedef {{map: number, channel: number, row: number, column: number}} Cell
 * @typedef {{channel: number, pixel: number, weight: string | null, padding: boolean}} Term
 * @typedef {{
 *   cell: Cell, value: number, number: number, of: number, operation: string, rows: number[], columns: number[],
 *   channel: number | null, terms: Term[], more: number, skipped: number, sum: number | null, divisor: number | null,
 *   picked: Pair | null, index: number | null, field: [Pair, Pair],
 * }} Output
 * @typedef {{map: number, channel: number | null, rows: number[], columns: number[], count: number, of: number}} Covering
 * @typedef {{at: Cell, value: number, output: Output | null, covering: Covering | null}} Look
 */

