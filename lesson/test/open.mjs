// Opens the built page in a headless Chromium, from its file and without a network.
import {readFile} from 'node:fs/promises';
import {chromium} from 'playwright-core';

export const OUT = new URL('../out/', import.meta.url);
export const SIZES = {desk: {width: 1280, height: 900}, phone: {width: 360, height: 740}};

const browser = await chromium.launch({executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox']});

/** All that a browser wrote to its console, asked of the network, or complained of. */
export const messages = [];

/** The page at an address, when it has come up. */
export async function open(address = '', {size = 'desk', theme = 'light'} = {}) {
  const context = await browser.newContext({viewport: SIZES[size], colorScheme: theme, offline: true, deviceScaleFactor: size === 'phone' ? 2 : 1});
  const page = await context.newPage();
  page.on('console', (message) => messages.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => messages.push(`error: ${error.message}`));
  page.on('request', (request) => {
    if (!/^(file|data|blob):/.test(request.url())) {
      messages.push(`request: ${request.url()}`);
    }
  });
  await page.goto(`${new URL('lesson.html', OUT)}#${address}`);
  await page.waitForFunction(() => document.documentElement.dataset.ready === 'yes');
  return page;
}

export async function close(page) {
  await page.context().close();
}

export async function end() {
  await browser.close();
}

/** What the lesson says that it shows. */
export async function viewOf(page) {
  return page.evaluate(() => JSON.parse(window.lesson.view()));
}

/** The numbers of a map. */
export async function valuesOf(page, map) {
  return page.evaluate((number) => [...window.lesson.values(number)], map);
}

export async function readJson(name) {
  return JSON.parse(await readFile(new URL(name, OUT), 'utf8'));
}
