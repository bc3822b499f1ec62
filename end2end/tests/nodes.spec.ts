// Two equal nodes with one database and one etcd.

import { application, ask, createUser, read, reads, session } from '../support/prepare';
import { expect, expectAccessible, test } from '../support/test';

test.skip(({ setup }) => setup !== 'cluster', 'only a cluster has a second node');

test('a release of one node is shown and served by the other', async ({ page, server, signIn, freshServer }) => {
  const { name: app, api } = await application(server);
  const config = `prod/${app}/application`;
  await api.publish([{ config, set: { pool: '16' } }]);
  const beside = await freshServer(server);
  expect(await read(beside, api.token, config)).toMatchObject({ release: 1, content: { pool: '16' } });

  const headers = { authorization: `Bearer ${api.token}`, 'x-instance': 'shop-7' };
  const waiting = fetch(`${beside.url}/api/v1/configs/${config}?after=1&wait=20`, { headers });
  await signIn(page);
  await page.goto(`/configs/${config}?edit=pool`);
  await page.locator('#item [name=value]').fill('32');
  await page.locator('#item button.primary').click();
  await expect(page.locator('#flash')).toContainText('Saved in your change');
  // The other node has the edit before it is published, and the session.
  await page.goto(`${beside.url}/configs/${config}`);
  await expect(page.locator('table.items tr.changed .v')).toHaveText('16 32');
  await page.goto(`/configs/${config}`);
  await page.locator('#publish [name=message]').fill('more');
  await page.locator('#publish [name=confirm]').fill('prod');
  await page.locator('#publish button').click();
  await expect(page.locator('#flash')).toContainText('Release 2 is delivered');

  expect(await (await waiting).json()).toMatchObject({ release: 2, content: { pool: '32' } });
  await page.goto(`${beside.url}/configs/${config}/releases`);
  await expect(page.locator('tbody tr').first()).toContainText(/2.*live.*more/);
  await page.goto(`${beside.url}/configs/${config}/readers`);
  await expect(page.locator('#readers')).toContainText('shop-7');
  await expectAccessible(page);

  // Published on the second node, read from the first.
  await page.goto(`${beside.url}/configs/${config}/releases/1`);
  await page.locator('#back [name=message]').fill('less');
  await page.locator('#back [name=confirm]').fill('prod');
  await page.locator('#back').getByRole('button').click();
  await expect(page.locator('#flash')).toContainText('Release 3 is delivered');
  await reads(server, api.token, config, { release: 3, content: { pool: '16' } });
});

test('two nodes publish to one environment at the same time', async ({ server, freshServer, administrator, another }) => {
  const { name: app, api } = await application(server);
  const config = `prod/${app}/application`;
  await api.publish([{ config, set: { a: '1', b: '1' } }, { config: `prod/${app}/routes`, text: 'a: 1\n' }]);
  const beside = await freshServer(server);
  const open = async (url: string, key: string, value: string) => {
    const user = await createUser(server, administrator, key, { '*/*/*': 'publisher' });
    const page = await another(user);
    await page.goto(`${url}/configs/${config}?edit=${key}`);
    await page.locator('#item [name=value]').fill(value);
    await page.locator('#item button.primary').click();
    await page.locator('#publish [name=message]').fill(`${key} on ${url}`);
    await page.locator('#publish [name=confirm]').fill('prod');
    return page;
  };
  const [one, two] = [await open(server.url, 'a', '2'), await open(beside.url, 'b', '2')];
  await Promise.all([one, two].map((page) => page.locator('#publish button').click()));
  // They change different keys: both are released, one after the other, and no edit is lost.
  for (const page of [one, two]) await expect(page.locator('#flash')).toContainText(/Release [23] is delivered/);
  for (const node of [server, beside]) {
    await expect.poll(() => read(node, api.token, config)).toMatchObject({ release: 3, content: { a: '2', b: '2' } });
  }
  await one.goto(`${server.url}/configs/${config}/releases`);
  await expect(one.locator('tbody tr')).toHaveCount(3);
});

test('a revoked token and an ended session end on both nodes', async ({ server, freshServer, administrator, another, page, signIn }) => {
  const { name: app, api } = await application(server);
  await api.publish([{ config: `prod/${app}/application`, set: { a: '1' } }]);
  const beside = await freshServer(server);
  const token = await server.cli(['token', 'create', '--name', app, '--read', `prod/${app}/*`]);
  const status = async () => (await ask(beside, token, `prod/${app}/application`)).status;
  await expect.poll(status).toBe(200);
  await signIn(page);
  await page.goto(`/apps/${app}/tokens`);
  await page.locator('#tokens-table tr').filter({ hasText: app }).getByRole('button', { name: 'Revoke' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
  await expect.poll(status, { timeout: 5_000 }).toBe(401);

  const user = await createUser(server, administrator, 'ada', { '*/*/*': 'viewer' });
  const ada = await another(user);
  await ada.goto(`${beside.url}/account`);
  await ada.goto(`${server.url}/account`);
  await ada.locator('header summary').click();
  await ada.getByRole('button', { name: 'Log out', exact: true }).click();
  await expect(ada).toHaveURL(`${server.url}/login`);
  // Also with the cookie that the browser has deleted.
  await ada.context().addCookies(await session(server, user));
  await ada.goto(`${beside.url}/account`);
  await expect(ada).toHaveURL(/\/login\?next=/);
});
