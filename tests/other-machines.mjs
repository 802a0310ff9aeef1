// Runs a program for wasm32-wasip1 with its arguments, as cargo's runner. Node has WASI, but calls it experimental.
import { readFile } from 'node:fs/promises';
import { argv, cwd, env, exit } from 'node:process';
import { WASI } from 'node:wasi';

const [program, ...args] = argv.slice(2);
// By its own name: what lies in a folder that is opened as `/` is not found.
const preopens = { [cwd()]: cwd(), '.': cwd() };
const wasi = new WASI({ version: 'preview1', args: [program, ...args], env: { ...env, PWD: cwd() }, preopens });
const module = await WebAssembly.compile(await readFile(program));
exit(wasi.start(await WebAssembly.instantiate(module, wasi.getImportObject())));
