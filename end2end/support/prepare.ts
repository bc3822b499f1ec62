// Test data: applications for each test, users with roles, reads of programs. It is created through the public
// interfaces: the HTTP API, the commands, and the server functions of the forms.

import { expect } from '@playwright/test';
import { randomBytes } from 'node:crypto';
import type { Server } from './server';

export interface User {
  name: string;
  password: string;
}

/** A cookie in the form of Playwright. */
export interface Cookie {
  name: string;
  value: string;
  url: string;
}

const made = `${process.pid.toString(36)}${randomBytes(2).toString('hex')}`;
let count = 0;

/** Returns a name that no other test uses. */
export function unique(begin: string): string {
  return `${begin}-${made}-${count++}`;
}

/** Creates an administrator with the command line, without a page. */
export async function createAdministrator(server: Server, name: string): Promise<User> {
  const password = randomBytes(12).toString('base64url');
  await server.cli(['admin', 'create', name, '--password-stdin'], `${password}\n`);
  return { name, password };
}

const sessions = new WeakMap<Server, Map<string, { cookies: Cookie[]; since: number }>>();
/** Maximum age of a reused session: after ten minutes the server asks for the password again. */
const FRESH_MS = 8 * 60_000;

/** Returns the cookies of a session of this user. Sessions are reused, because a log-in takes as long as a test. */
export async function session(server: Server, user: User): Promise<Cookie[]> {
  const known = sessions.get(server) ?? new Map();
  sessions.set(server, known);
  const there = known.get(user.name);
  if (there && Date.now() - there.since < FRESH_MS) return there.cookies;
  const answer = await post(server, 'log-in', { name: user.name, password: user.password });
  const cookies = answer.headers.getSetCookie().map((cookie) => {
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
    return { name, value, url: server.url };
  });
  known.set(user.name, { cookies, since: Date.now() });
  return cookies;
}

/** Posts to a server function as a form does, and expects success. */
export async function post(server: Server, fn: string, fields: Record<string, string>, as: Cookie[] = []): Promise<Response> {
  const answer = await fetch(`${server.url}/fn/${fn}`, {
    method: 'POST',
    headers: {
      accept: 'application/json',
      origin: server.url,
      cookie: as.map(({ name, value }) => `${name}=${value}`).join('; '),
    },
    body: new URLSearchParams(fields),
  });
  expect(answer.status, `${fn}: ${await answer.clone().text()}`).toBe(200);
  return answer;
}

/** Creates a user with these roles: `'prod/shop/*': 'editor'`. */
export async function createUser(
  server: Server, administrator: User, begin: string, roles: Record<string, string>,
): Promise<User> {
  const user = { name: unique(begin), password: randomBytes(12).toString('base64url') };
  const fields: Record<string, string> = { ...user };
  Object.entries(roles).forEach(([pattern, role], n) => {
    const [env = '*', app = '*', namespace = '*'] = pattern.split('/');
    for (const [name, value] of Object.entries({ env, app, namespace, role })) fields[`roles[${n}][${name}]`] = value;
  });
  await post(server, 'create-user', fields, await session(server, administrator));
  return user;
}

type Value = string | { value: string; type?: string; comment?: string };
export type Edit = { config: string; set?: Record<string, Value>; remove?: string[]; text?: string };

/** The HTTP API, with a token that has all permissions. */
export class Api {
  private constructor(readonly server: Server, readonly token: string) {}

  static readonly #all = new WeakMap<Server, Promise<Api>>();

  /** Returns the one of this server. It is shared, because the server takes up to two seconds to notice a new token. */
  static of(server: Server): Promise<Api> {
    const there = Api.#all.get(server) ?? Api.#make(server);
    Api.#all.set(server, there);
    return there;
  }

  static async #make(server: Server): Promise<Api> {
    const api = new Api(server, await server.cli(['token', 'create', '--name', 'tests', '--admin', '--write', '*/*/*']));
    const known = async () => (await api.send('GET', 'configs/dev/nothing')).status !== 401;
    await expect.poll(known, { timeout: 5_000, intervals: [50] }).toBe(true);
    return api;
  }

  send(method: string, path: string, body?: object): Promise<Response> {
    return fetch(`${this.server.url}/api/v1/${path}`, {
      method,
      headers: { authorization: `Bearer ${this.token}`, 'content-type': 'application/json' },
      body: body && JSON.stringify(body),
    });
  }

  async call(method: string, path: string, body?: object): Promise<any> {
    const answer = await this.send(method, path, body);
    const text = await answer.text();
    expect(answer.ok, `${method} ${path}: ${answer.status} ${text}`).toBe(true);
    return JSON.parse(text);
  }

  async publish(edits: Edit[], message = 'prepared'): Promise<void> {
    const confirm = [...new Set(edits.map(({ config }) => config.split('/')[0]))].join(' ');
    await this.call('POST', 'changes', { message, confirm, publish: true, edits });
  }
}

/** Creates an application in dev, staging and a protected prod, with `application` (kv) and `routes` (yaml). */
export async function application(server: Server, begin = 'app'): Promise<{ name: string; api: Api }> {
  const [name, api] = [unique(begin), await Api.of(server)];
  // A token creates environments, in this order, and does not change existing ones.
  await api.call('PUT', 'envs/dev', {});
  await api.call('PUT', 'envs/staging', {});
  await api.call('PUT', 'envs/prod', { protected: true });
  await api.call('PUT', `apps/${name}`, {});
  await api.call('PUT', `apps/${name}/namespaces/application`, { format: 'kv' });
  await api.call('PUT', `apps/${name}/namespaces/routes`, { format: 'yaml' });
  return { name, api };
}

/** Returns the response to a read with this token. */
export function ask(server: Server, token: string, config: string): Promise<Response> {
  return fetch(`${server.url}/api/v1/configs/${config}`, { headers: { authorization: `Bearer ${token}` } });
}

/** Reads a config with this token. */
export async function read(server: Server, token: string, config: string): Promise<{ release: number; content: any }> {
  const answer = await ask(server, token, config);
  expect(answer.status, config).toBe(200);
  return (await answer.json()) as { release: number; content: any };
}

/** Waits until a read returns this: the node receives a release shortly after its delivery. */
export async function reads(server: Server, token: string, config: string, expected: Record<string, unknown>): Promise<void> {
  const look = async () => expect(await read(server, token, config)).toMatchObject(expected);
  await expect(look).toPass({ timeout: 5_000, intervals: [20] });
}

/** Returns the key of a config in etcd. */
export function etcdKey(server: Server, config: string): string {
  return `${server.settings.TRIMTAB_ETCD__ROOT}/config/${config}`;
}
