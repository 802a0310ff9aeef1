// Runs a program for wasm32-wasip1 with its arguments, as cargo's runner. Node has WASI, but calls it experimental.
import { readFile } from 'node:fs/promises';
import { argv, cwd, env, exit } from 'node:process';
import { WASI } from 'node:wasi';

const [program, ...args] = argv.slice(2);
const preopens = { '/': '/', '.': cwd() };
const wasi = new WASI({ version: 'preview1', args: [program, ...args], env: { ...env, PWD: cwd() }, preopens });
const imports = wasi.getImportObject();
const { fd_readdir: readWhole } = imports.wasi_snapshot_preview1;

// Room for the entries of any folder of the tests, at the end of the memory: taken by the first call.
const ROOM = 1 << 20;
let room = 0;
let instance;

// By the specification entries fill the buffer up to its end, the last of them cut off; one that is not full is the end of the folder.
// Node writes whole entries only: a program that goes by the specification sees none behind them, or none at all. So they are read
// where there is room for all, and cut off here.
imports.wasi_snapshot_preview1.fd_readdir = (folder, buffer, length, cookie, used) => {
    const { memory } = instance.exports;
    room ||= memory.grow(ROOM >> 16) << 16;
    const error = readWhole(folder, room, ROOM, cookie, used);
    const view = new DataView(memory.buffer);
    const given = Math.min(length, view.getUint32(used, true));
    new Uint8Array(memory.buffer).copyWithin(buffer, room, room + given);
    view.setUint32(used, given, true);
    return error;
};

instance = await WebAssembly.instantiate(await WebAssembly.compile(await readFile(program)), imports);
exit(wasi.start(instance));
