// Log in, change a key, publish, and everybody sees it: the page, the read endpoint, and etcd where there is one.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test, type Server } from '../support/test';

const run = promisify(execFile);

/** An application of the test's own, so that tests do not meet. */
async function application(server: Server, name: string): Promise<string> {
  const token = await server.cli(['token', 'create', '--name', name, '--admin', '--write', '*/*/*']);
  const put = async (path: string, body: object) => {
    const answer = await fetch(`${server.url}/api/v1/${path}`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return answer.ok;
  };
  const made = async (path: string, body: object) => expect(await put(path, body), path).toBe(true);
  // What a command writes beside the server is noticed within two seconds.
  await expect.poll(() => put('envs/dev', {}), { timeout: 2_000 }).toBe(true);
  await made('envs/prod', { protected: true });
  await made(`apps/${name}`, { title: name });
  await made(`apps/${name}/namespaces/application`, { format: 'kv' });
  return token;
}

async function read(server: Server, token: string, config: string): Promise<{ release: number; content: unknown }> {
  const answer = await fetch(`${server.url}/api/v1/configs/${config}`, { headers: { authorization: `Bearer ${token}` } });
  expect(answer.status).toBe(200);
  return answer.json();
}

for (const scripts of [true, false]) {
  test.describe(scripts ? 'with scripts' : 'without scripts', () => {
    test.use({ javaScriptEnabled: scripts });

    test('a key is changed, published and read', async ({ page, server, signIn, setup, allowErrors }) => {
      // A refused form comes back with the status of its refusal.
      allowErrors(/422 .*\/fn\/publish/);
      const app = scripts ? 'shop' : 'plain';
      const token = await application(server, app);
      await signIn(page);

      await page.goto(`/configs/prod/${app}/application?add=true`);
      await page.locator('form#item [name=key]').fill('db.url');
      await page.locator('form#item [name=value]').fill('mysql://db/<shop> 商店');
      await page.locator('form#item button[type=submit]').first().click();
      await expect(page.locator('table.items')).toContainText('db.url');

      // The server wants a reason and the name of the protected environment; what was typed comes back.
      const publish = page.locator('form#publish');
      await publish.locator('[name=message]').fill('first release');
      await publish.locator('[name=confirm]').fill('production');
      await publish.locator('button[type=submit]').click();
      await expect(publish.locator('[name=confirm]')).toHaveAttribute('aria-invalid', 'true');
      await expect(publish.locator('[name=message]')).toHaveValue('first release');
      await publish.locator('[name=confirm]').fill('prod');
      await publish.locator('button[type=submit]').click();
      await expect(page.locator('#flash, [role=status]').first()).not.toBeEmpty();
      await expect(page.locator('form#publish')).toHaveCount(0);

      const seen = await read(server, token, `prod/${app}/application`);
      expect(seen).toMatchObject({ release: 1, content: { 'db.url': 'mysql://db/<shop> 商店' } });
      if (setup === 'cluster') {
        const key = `${server.settings.TRIMTAB_ETCD__ROOT}/config/prod/${app}/application`;
        const { stdout } = await run('etcdctl', ['get', '--print-value-only', key], {
          env: { ...process.env, ETCDCTL_API: '3', ETCDCTL_ENDPOINTS: server.settings.TRIMTAB_ETCD__ENDPOINTS },
        });
        expect(JSON.parse(stdout)).toEqual(seen.content);
      }
    });
  });
}
