// What tests find ready: applications of their own, people with roles, what a program reads. All through the doors that
// people and programs use: the HTTP API, the commands, and the functions that the forms post to.

import { expect } from '@playwright/test';
import { randomBytes } from 'node:crypto';
import type { Server } from './server';

export interface User {
  name: string;
  password: string;
}

/** A cookie, as a browser context takes it. */
export interface Cookie {
  name: string;
  value: string;
  url: string;
}

const made = `${process.pid.toString(36)}${randomBytes(2).toString('hex')}`;
let count = 0;

/** A name that no other test has. */
export function unique(begin: string): string {
  return `${begin}-${made}-${count++}`;
}

/** An administrator, through the command line: no page is needed for it. */
export async function createAdministrator(server: Server, name: string): Promise<User> {
  const password = randomBytes(12).toString('base64url');
  await server.cli(['admin', 'create', name, '--password-stdin'], `${password}\n`);
  return { name, password };
}

const sessions = new WeakMap<Server, Map<string, { cookies: Cookie[]; since: number }>>();
/** A password counts as fresh for ten minutes: an older session would be asked for it again. */
const FRESH_MS = 8 * 60_000;

/** Logs somebody in and gives the cookies of the session: each person once, a log-in costs as much as a test. */
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

/** Posts to a function as a form does, and expects that it does what it is asked. */
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

/** Somebody with these roles: `'prod/shop/*': 'editor'`. */
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

/** The HTTP API, with a token that may do everything. */
export class Api {
  private constructor(readonly server: Server, readonly token: string) {}

  static readonly #all = new WeakMap<Server, Promise<Api>>();

  /** One for each server: what a command makes is noticed by the server within two seconds only. */
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

/** An application of the test's own in dev, staging and a protected prod, with `application` (kv) and `routes` (yaml). */
export async function application(server: Server, begin = 'app'): Promise<{ name: string; api: Api }> {
  const [name, api] = [unique(begin), await Api.of(server)];
  // A token makes environments, in this order, and changes none that is there.
  await api.call('PUT', 'envs/dev', {});
  await api.call('PUT', 'envs/staging', {});
  await api.call('PUT', 'envs/prod', { protected: true });
  await api.call('PUT', `apps/${name}`, {});
  await api.call('PUT', `apps/${name}/namespaces/application`, { format: 'kv' });
  await api.call('PUT', `apps/${name}/namespaces/routes`, { format: 'yaml' });
  return { name, api };
}

/** The answer that a program with this token gets. */
export function ask(server: Server, token: string, config: string): Promise<Response> {
  return fetch(`${server.url}/api/v1/configs/${config}`, { headers: { authorization: `Bearer ${token}` } });
}

/** What a program with this token reads. */
export async function read(server: Server, token: string, config: string): Promise<{ release: number; content: any }> {
  const answer = await ask(server, token, config);
  expect(answer.status, config).toBe(200);
  return (await answer.json()) as { release: number; content: any };
}

/** Awaits that a program reads this: what is delivered reaches the node that is asked a moment later. */
export async function reads(server: Server, token: string, config: string, expected: Record<string, unknown>): Promise<void> {
  const look = async () => expect(await read(server, token, config)).toMatchObject(expected);
  await expect(look).toPass({ timeout: 5_000, intervals: [20] });
}

/** What lies in etcd, where there is one. */
export function etcdKey(server: Server, config: string): string {
  return `${server.settings.TRIMTAB_ETCD__ROOT}/config/${config}`;
}
