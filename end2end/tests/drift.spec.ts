// Drift: somebody changes etcd without Trimtab, or the database is restored from an older backup.

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { application, createAdministrator, read, session } from '../support/prepare';
import { expect, expectAccessible, expectTargets, test, type Server } from '../support/test';

test.skip(({ setup }) => setup !== 'cluster', 'no other program can write the channel in memory');

async function etcdctl(server: Server, ...args: string[]): Promise<string> {
  const env = { ...process.env, ETCDCTL_API: '3', ETCDCTL_ENDPOINTS: server.settings.TRIMTAB_ETCD__ENDPOINTS };
  return (await promisify(execFile)('etcdctl', args, { env })).stdout.trim();
}

for (const scripts of [true, false]) {
  test.describe(scripts ? 'with scripts' : 'without scripts', () => {
    test.use({ javaScriptEnabled: scripts });

    test('foreign content is reported, and the release is written again', async ({ page, freshServer }) => {
      const server = await freshServer();
      const { name: app, api } = await application(server);
      const config = `prod/${app}/application`;
      await api.publish([{ config, set: { pool: '16' } }, { config: `dev/${app}/application`, set: { pool: '8' } }]);
      const key = `${server.settings.TRIMTAB_ETCD__ROOT}/config/${config}`;
      await etcdctl(server, 'put', key, '{"pool":"by hand"}');
      // A node compares at its start and every 30 seconds.
      const node = await freshServer(server);
      await page.context().addCookies(await session(node, await createAdministrator(server, 'ops')));
      await expect(async () => {
        await page.goto(node.url);
        await expect(page.locator('#trouble')).toContainText(config, { timeout: 500 });
      }).toPass();
      await page.goto(`${node.url}/delivery/prod`);
      await expect(page.locator('#delivery').getByRole('link', { name: `${app} / application`, exact: true })).toBeVisible();
      await expectTargets(page);
      if (scripts) await expectAccessible(page);
      await page.locator('#trouble').getByRole('link', { name: 'Review' }).click();
      // The button is below the text, with a gap.
      const above = await page.locator('#repair').evaluate((form) => form.getBoundingClientRect().top - form.previousElementSibling!.getBoundingClientRect().bottom);
      expect(above).toBeGreaterThanOrEqual(4);
      await page.locator('#repair').getByRole('button', { name: 'Write release 1 again' }).click();
      await expect(page.locator('#flash')).toContainText('Written again');
      await expect(page.locator('#trouble')).toBeEmpty();
      expect(JSON.parse(await etcdctl(server, 'get', '--print-value-only', key))).toEqual({ pool: '16' });
    });

    test('where etcd is ahead, an administrator chooses the version to keep', async ({ page, freshServer, allowErrors }) => {
      allowErrors(/422|409/);
      const server = await freshServer();
      const { name: app, api } = await application(server);
      const config = `prod/${app}/application`;
      await api.publish([{ config, set: { pool: '16' } }]);
      const root = server.settings.TRIMTAB_ETCD__ROOT;
      const document = '{"pool":"64"}';
      const meta = JSON.parse(await etcdctl(server, 'get', '--print-value-only', `${root}/meta/${config}`));
      const sha256 = createHash('sha256').update(document).digest('hex');
      await etcdctl(server, 'put', `${root}/config/${config}`, document);
      await etcdctl(server, 'put', `${root}/meta/${config}`, JSON.stringify({ ...meta, seq: 7, sha256 }));
      const node = await freshServer(server);
      await page.context().addCookies(await session(node, await createAdministrator(server, 'ops')));
      await expect(async () => {
        await page.goto(`${node.url}/configs/${config}`);
        await expect(page.locator('#settle')).toBeVisible({ timeout: 500 });
      }).toPass();
      await page.locator('#settle [name=message]').fill('restored from Friday');
      await page.locator('#settle [name=confirm]').fill('dev');
      await page.locator('#settle').getByRole('button', { name: 'Keep release 7 from etcd' }).click();
      await expect(page.locator('#settle [name=confirm]')).toHaveAttribute('aria-invalid', 'true');
      await page.locator('#settle [name=confirm]').fill('prod');
      await page.locator('#settle').getByRole('button', { name: 'Keep release 7 from etcd' }).click();
      await expect(page.locator('#flash')).toContainText('Release 7 is delivered');
      await expect(page.locator('table.items .v')).toHaveText('64');
      await page.goto(`${node.url}/configs/${config}/releases/7`);
      if (scripts) await expectAccessible(page);
      await expect(page.locator('main')).toContainText('restored from Friday');
      expect(await read(node, api.token, config)).toMatchObject({ release: 7, content: { pool: '64' } });
    });
  });
}
