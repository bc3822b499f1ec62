// Outages of the database or etcd: pages name it and what still works, and reads continue.

import { application, createUser, read } from '../support/prepare';
import { Proxy } from '../support/proxy';
import { card, expect, expectAccessible, test } from '../support/test';

test.skip(({ setup }) => setup !== 'cluster', 'the embedded set-up has no connection that can be cut');

/** Settings of a node of the shared cluster that reaches its database or its etcd through a proxy. */
async function through(name: 'database' | 'etcd', settings: Record<string, string>) {
  const key = name === 'database' ? 'TRIMTAB_DATABASE__URL' : 'TRIMTAB_ETCD__ENDPOINTS';
  const url = new URL(name === 'database' ? settings[key]! : `http://${settings[key]}`);
  const proxy = await Proxy.to(url.hostname, Number(url.port));
  url.host = `127.0.0.1:${proxy.port}`;
  return { proxy, settings: { [key]: name === 'database' ? url.href : url.host } };
}

test('without etcd a publish is accepted, and delivered when etcd is back', async ({ page, server, signIn, administrator, another, freshServer }) => {
  test.setTimeout(60_000);
  const { name: app, api } = await application(server);
  const config = `dev/${app}/application`;
  await api.publish([{ config, set: { pool: '16' } }]);
  const { proxy, settings } = await through('etcd', server.settings);
  const node = await freshServer(server, settings);
  expect(await read(node, api.token, config)).toMatchObject({ release: 1 });
  await proxy.cut();

  // No other node may be asked for the page: a node that reaches etcd would deliver the release.
  await signIn(page);
  await page.goto(`${node.url}/configs/${config}?edit=pool`);
  await page.locator('#item [name=value]').fill('32');
  await page.locator('#item button.primary').click();
  await expect(page.locator('#publish')).toBeVisible();
  expect(await read(node, api.token, config)).toMatchObject({ release: 1, content: { pool: '16' } });
  await page.locator('#publish button').click();
  await expect(page.locator('#flash')).toContainText(/Release 2 is (accepted|delivered)/, { timeout: 15_000 });
  // Messages of the etcd driver contain addresses. Only administrators see them.
  const viewer = await another(await createUser(server, administrator, 'viewer', { '*/*/*': 'viewer' }));
  await viewer.goto(`${node.url}/delivery/dev`, { timeout: 20_000 });
  await expect(card(viewer, 'lock')).toHaveText(/etcd is not responding\.$/);
  await expect(viewer.locator('main')).not.toContainText('127.0.0.1');
  await expectAccessible(viewer);
  await proxy.mend();
  await expect.poll(() => read(node, api.token, config), { timeout: 20_000 }).toMatchObject({ release: 2, content: { pool: '32' } });
});

test('without the database pages show an error and programs keep reading', async ({ page, server, signIn, freshServer, allowErrors }) => {
  test.setTimeout(60_000);
  allowErrors(/503 /);
  const { name: app, api } = await application(server);
  const config = `dev/${app}/application`;
  await api.publish([{ config, set: { pool: '16' } }]);
  const { proxy, settings } = await through('database', server.settings);
  const node = await freshServer(server, settings);
  await signIn(page);
  await page.goto(`${node.url}/configs/${config}?edit=pool`);
  await page.locator('#item [name=value]').fill('not lost');
  await proxy.cut();

  await page.locator('#item button.primary').click();
  await expect(page.locator('main')).toContainText('The database is not responding', { timeout: 20_000 });
  const answer = await page.goto(`${node.url}/apps`, { timeout: 20_000 });
  expect(answer!.status()).toBe(503);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Service unavailable');
  await expect(page.locator('main')).toContainText('Applications keep reading their current configuration');
  expect(await read(node, api.token, config)).toMatchObject({ release: 1, content: { pool: '16' } });

  await proxy.mend();
  await page.getByRole('link', { name: 'Try again' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Applications');
});
