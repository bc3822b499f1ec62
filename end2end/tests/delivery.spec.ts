// Delivery pages, and live updates of open pages.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { application, createAdministrator, read, session } from '../support/prepare';
import { expect, expectAccessible, expectNoSideways, test, type Server } from '../support/test';

const env = (server: Server) => ({
  ...process.env, ETCDCTL_API: '3', ETCDCTL_ENDPOINTS: server.settings.TRIMTAB_ETCD__ENDPOINTS,
});

/** Reads a config as this instance until the response has this release. */
async function readAs(server: Server, token: string, instance: string, config: string, release: number): Promise<void> {
  const headers = { authorization: `Bearer ${token}`, 'x-instance': instance };
  const get = async () => (await fetch(`${server.url}/api/v1/configs/${config}`, { headers })).json();
  await expect.poll(get).toMatchObject({ release });
}

test('an open page follows a release until all instances have it', async ({ page, server }) => {
  const { name: app, api } = await application(server);
  const config = `dev/${app}/application`;
  await api.publish([{ config, set: { pool: '8' } }]);
  await page.context().addCookies(await session(server, await createAdministrator(server, `ops-${app}`)));
  await page.goto('/delivery/dev');
  await expect(page.getByRole('heading', { name: 'Latest releases' })).toBeVisible();
  const row = page.locator('#delivery tr', { hasText: `${app} / application 2` });
  await expect(row).toHaveCount(0);
  await expect(page.locator('[data-alive]')).toHaveCount(1);
  await api.publish([{ config, set: { pool: '16' } }]);
  await expect(row).toContainText('ms');

  await page.goto(`/configs/${config}`);
  await expect(page.locator('#live-way')).toContainText('No readers');
  await read(server, api.token, config);
  await expect(page.locator('#live-way')).toContainText('1 of 1');
  await page.goto(`/configs/${config}/readers`);
  await expect(page.locator('#readers tbody tr')).toHaveCount(1);
  // A single instance has no curve.
  await expect(page.getByRole('img', { name: 'received it' })).toHaveCount(0);
  await readAs(server, api.token, 'shop-1', config, 2);
  await expect(page.getByRole('img', { name: '2 instances received it' })).toBeVisible();
  await page.goto('/delivery');
  await page.locator('#delivery').getByRole('link', { name: 'dev' }).click();
  await expect(row).toContainText('2 of 2');
});

test.describe('without scripts', () => {
  test.use({ javaScriptEnabled: false });

  test('a reload shows the delivery', async ({ page, server }) => {
    const { name: app, api } = await application(server);
    await page.context().addCookies(await session(server, await createAdministrator(server, `ops-${app}`)));
    await page.goto('/delivery/dev');
    await api.publish([{ config: `dev/${app}/application`, set: { pool: '8' } }]);
    await page.reload();
    await expect(page.locator('#delivery tr', { hasText: `${app} / application 1` })).toContainText('ms');
    await page.getByRole('button', { name: 'Compare and deliver again' }).click();
    await expect(page.locator('#flash')).toContainText('Compared');
  });
});

test.describe('with etcd', () => {
  test.skip(({ setup }) => setup !== 'cluster', 'no other program can lock or write the channel in memory');

  test('instances of other nodes are listed with their node', async ({ page, freshServer }) => {
    const server = await freshServer();
    const { name: app, api } = await application(server);
    const config = `prod/${app}/application`;
    await api.publish([{ config, set: { pool: '8' } }]);
    const beside = await freshServer(server, { TRIMTAB_NODE: 'web-2' });
    const reader = await freshServer(server, { TRIMTAB_NODE: 'eu-1', TRIMTAB_ROLE: 'reader' });
    await page.context().addCookies(await session(server, await createAdministrator(server, 'ops')));
    await page.goto(`${server.url}/configs/${config}/readers`);
    await expect(page.locator('#config')).toContainText('No readers yet');
    for (const [node, instance] of [[server, 'shop-1'], [beside, 'shop-2'], [reader, 'shop-3'], [reader, 'shop-1']] as const) {
      await readAs(node, api.token, instance, config, 1);
    }
    await page.reload();
    const row = (instance: string) => page.locator('#readers tr', { hasText: instance });
    await expect(row('shop-2')).toContainText('web-2');
    // It has read from two nodes, and is listed with the last one.
    await expect(row('shop-1')).toContainText('eu-1');
    await expect(page.locator('#live-told')).toContainText('Seen by 3 of 3 · Instances that read from 3 nodes');
    await page.setViewportSize({ width: 360, height: 740 });
    await expectNoSideways(page);
    await expectAccessible(page);

    // An open page follows instances of all nodes.
    await api.publish([{ config, set: { pool: '16' } }]);
    await expect(page.locator('#live-told')).toContainText('Seen by 0 of 3');
    for (const [node, instance] of [[reader, 'shop-1'], [beside, 'shop-2'], [reader, 'shop-3']] as const) {
      await readAs(node, api.token, instance, config, 2);
    }
    await expect(page.locator('#live-told')).toContainText('Seen by 3 of 3');
    await page.goto(`${server.url}/apps/${app}`);
    await expect(page.locator('main')).toContainText('Read by 3 instances');

    // A node that does not respond is named, and does not delay the page.
    const etcdctl = (...args: string[]) => promisify(execFile)('etcdctl', args, { env: env(server) });
    const lease = /lease ([0-9a-f]+) granted/.exec((await etcdctl('lease', 'grant', '600')).stdout)![1]!;
    const name = `${server.settings.TRIMTAB_ETCD__ROOT}/nodes/names/${lease}`;
    await etcdctl('put', `--lease=${lease}`, name, '{"name":"eu-2","reader":true}');
    await page.goto(`${server.url}/delivery/prod`);
    await expect(page.locator('#delivery .head')).toContainText('3 of 4 nodes responded. No response yet: eu-2 (reader node).');
    await expect(page.locator('#delivery tr', { hasText: `${app} / application 2` })).toContainText('3 of 3');
  });

  test('the page names the lock holder and the waiting releases', async ({ page, freshServer }) => {
    const server = await freshServer();
    const { name: app, api } = await application(server);
    const config = `prod/${app}/application`;
    await page.context().addCookies(await session(server, await createAdministrator(server, 'ops')));
    const holder = spawn('etcdctl', ['lock', `${server.settings.TRIMTAB_ETCD__ROOT}/locks/prod`], { env: env(server) });
    await once(holder.stdout, 'data');
    await page.goto(`${server.url}/delivery/prod`);
    await expect(page.locator('#delivery')).toContainText('A program other than Trimtab holds the lock.');
    const answer = await api.call('POST', 'changes', {
      message: 'waits', confirm: 'prod', publish: true, edits: [{ config, set: { pool: '16' } }],
    });
    expect(answer).toMatchObject({ delivery: { state: 'accepted' } });
    await expect(page.locator('#delivery')).toContainText('1 release is waiting.');
    await expect(page.locator('#trouble')).toContainText('Another node holds the lock');
    holder.kill('SIGINT');
    await expect(page.locator('#delivery .head')).toContainText('on time', { timeout: 20_000 });
    await expect(page.locator('#trouble')).toBeEmpty();
  });

  test('releases deleted in etcd are delivered again on demand', async ({ page, freshServer }) => {
    const server = await freshServer();
    const { name: app, api } = await application(server);
    const config = `prod/${app}/application`;
    await api.publish([{ config, set: { pool: '16' } }]);
    const root = server.settings.TRIMTAB_ETCD__ROOT;
    const etcdctl = async (...args: string[]) => (await promisify(execFile)('etcdctl', args, { env: env(server) })).stdout;
    await etcdctl('del', '--prefix', `${root}/config/`);
    await etcdctl('del', '--prefix', `${root}/meta/`);
    await page.context().addCookies(await session(server, await createAdministrator(server, 'ops')));
    await page.goto(`${server.url}/delivery/prod`);
    await page.getByRole('button', { name: 'Compare and deliver again' }).click();
    await expect(page.locator('#flash')).toContainText('delivered again');
    expect(JSON.parse(await etcdctl('get', '--print-value-only', `${root}/config/${config}`))).toEqual({ pool: '16' });
  });
});
