// Every page of the console, with the demo data, for the accessibility tests and the screenshots.

import type { APIRequestContext } from '@playwright/test';

/**
 * Name and path of each page, as an administrator sees it. `addressOf` replaces `{change}` by an open change of the
 * demo, and `{user}` by an account.
 */
export const pages: [name: string, path: string][] = [
  ['home', '/'],
  ['apps', '/apps'],
  ['app', '/apps/shop'],
  ['app-about', '/apps/shop/about'],
  ['app-tokens', '/apps/shop/tokens'],
  ['namespace', '/apps/shop/namespaces/application'],
  ['config', '/configs/prod/shop/application'],
  ['config-edit', '/configs/prod/shop/application?edit=legal.footer#edit'],
  ['config-add', '/configs/prod/shop/application?add=true#edit'],
  ['config-text', '/configs/prod/shop/routes.yaml'],
  ['difference', '/configs/prod/shop/application/difference'],
  ['difference-split', '/configs/prod/shop/application/difference?env=dev&view=split'],
  ['releases', '/configs/prod/shop/application/releases'],
  ['release', '/configs/prod/shop/application/releases/2'],
  ['release-back', '/configs/prod/shop/application/releases/2?show=live'],
  ['release-content', '/configs/prod/shop/application/releases/2?show=content'],
  ['readers', '/configs/prod/shop/application/readers'],
  ['readers-behind', '/configs/staging/mail/application/readers'],
  ['use', '/configs/prod/shop/application/use'],
  ['import', '/configs/prod/shop/application/import'],
  ['changes', '/changes'],
  ['change', '/changes/{change}'],
  ['change-split', '/changes/{change}?view=split'],
  ['delivery', '/delivery'],
  ['delivery-env', '/delivery/prod'],
  ['envs', '/envs'],
  ['env', '/envs/prod'],
  ['tokens', '/tokens'],
  ['token-new', '/tokens/new?app=shop'],
  ['users', '/users'],
  ['user-new', '/users/new'],
  ['user', '/users/{user}'],
  ['system', '/system'],
  ['account', '/account'],
  ['start', '/start'],
  ['start-ready', '/start?app=shop'],
  ['not-found', '/configs/prod/shop/nothing'],
];

/** Pages without a log-in. */
export const publicPages: [name: string, path: string][] = [
  ['login', '/login'],
  ['setup-done', '/setup/used'],
];

/** Returns the path of a page, with placeholders replaced by ids from the list pages. */
export async function addressOf(path: string, request: APIRequestContext, url = ''): Promise<string> {
  for (const [hole, list] of [['{change}', '/changes'], ['{user}', '/users']] as const) {
    if (!path.includes(hole)) continue;
    const html = await (await request.get(url + list)).text();
    const id = new RegExp(`href="${list}/([0-9a-f-]{36})"`).exec(html)?.[1];
    if (!id) throw new Error(`${list} leads nowhere`);
    path = path.replace(hole, id);
  }
  return path;
}
