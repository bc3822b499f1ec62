// The assets of pages are in the binary, in three codings with the same content.

import { get } from 'node:http';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import type { IncomingHttpHeaders } from 'node:http';
import { expect, test } from '../support/test';

/** Fetches the bytes as they are sent, which Playwright would unpack. */
function fetchBytes(url: string, coding: string): Promise<{ headers: IncomingHttpHeaders; body: Buffer }> {
  return new Promise((resolve, reject) => {
    const request = get(url, { headers: { 'accept-encoding': coding } }, async (answer) => {
      if (answer.statusCode !== 200) reject(new Error(`${url} was answered ${answer.statusCode}`));
      else resolve({ headers: answer.headers, body: Buffer.concat(await answer.toArray()) });
    });
    request.on('error', reject);
  });
}

test('style, scripts and WASM are the same in each coding', async ({ page, server, signIn }) => {
  await signIn(page);
  await page.goto('/account');
  const html = await page.content();
  const names = new Set(html.match(/\/pkg\/trimtab\.[\w-]{22}\.(css|js|wasm)/g));
  expect([...names].map((name) => name.split('.').pop()).sort()).toEqual(['css', 'js', 'wasm']);
  for (const name of names) {
    const plain = await fetchBytes(server.url + name, 'identity');
    const gzip = await fetchBytes(server.url + name, 'gzip');
    const br = await fetchBytes(server.url + name, 'br');
    expect(plain.headers['content-encoding']).toBeUndefined();
    expect(gzip.headers['content-encoding']).toBe('gzip');
    expect(br.headers['content-encoding']).toBe('br');
    expect(gunzipSync(gzip.body).equals(plain.body), name).toBe(true);
    expect(brotliDecompressSync(br.body).equals(plain.body), name).toBe(true);
    expect(br.body.length).toBeLessThan(gzip.body.length);
  }
});
