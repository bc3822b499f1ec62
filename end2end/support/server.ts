// A real server: the built binary, on a free port, with its own data.

import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

export type Setup = 'embedded' | 'cluster';

const binary = process.env.TRIMTAB_BIN ?? join(import.meta.dirname, '../../target/app/trimtab');

/** The server drains for up to 25 s after SIGTERM. */
const STOP_DEADLINE_MS = 30_000;
const START_DEADLINE_MS = 30_000;

export class Server {
  /** Base URL, without a trailing slash. */
  url = '';
  /** Output on stdout and stderr. */
  log = '';
  readonly #child: ChildProcess;
  readonly #waiting = new Set<() => void>();
  readonly #end: Promise<void>;
  #ended = false;
  #cleanUp: (() => Promise<void>)[] = [];

  private constructor(
    readonly setup: Setup,
    /** Its TRIMTAB_… variables. */
    readonly settings: Record<string, string>,
    readonly dataDir: string,
  ) {
    this.#child = spawn(binary, ['serve'], { cwd: dataDir, env: this.#env(), stdio: ['ignore', 'pipe', 'pipe'] });
    const child = this.#child;
    const hear = (text: string) => {
      this.log += text;
      for (const check of this.#waiting) check();
    };
    child.stdout!.setEncoding('utf8').on('data', hear);
    child.stderr!.setEncoding('utf8').on('data', hear);
    this.#end = new Promise((resolve) => {
      const end = (why: string) => {
        this.#ended = true;
        hear(why);
        resolve();
      };
      child.on('close', () => end(''));
      child.on('error', (error) => end(`cannot start ${binary}: ${error.message}\n`));
    });
    // A worker that crashes must not leave a server behind.
    const kill = () => child.kill('SIGKILL');
    process.on('exit', kill);
    child.on('exit', () => process.off('exit', kill));
  }

  /**
   * Starts a server with an empty database and waits until it listens. With `beside`, it is a second node with the
   * database and the etcd of that server, which requires the cluster set-up. `more` has additional settings.
   */
  static async start(setup: Setup, beside?: Server, more: Record<string, string> = {}): Promise<Server> {
    if (beside && setup !== 'cluster') throw new Error('only a cluster has a second node');
    // with-servers.sh removes its folder even if the tests are interrupted.
    const dataDir = await mkdtemp(join(process.env.TRIMTAB_TEST_DIR ?? tmpdir(), 'trimtab-end2end-'));
    const cleanUp = [() => rm(dataDir, { recursive: true, force: true })];
    const settings: Record<string, string> = { TRIMTAB_LISTEN: '127.0.0.1:0', TRIMTAB_DATA_DIR: dataDir };
    if (beside) {
      Object.assign(settings, beside.settings, { TRIMTAB_DATA_DIR: dataDir }, more);
    } else if (setup === 'cluster') {
      const [mysql, etcd] = [process.env.TRIMTAB_TEST_MYSQL, process.env.TRIMTAB_TEST_ETCD];
      if (!mysql || !etcd) throw new Error('no MySQL and etcd: run this through tools/with-servers.sh');
      const name = `trimtab_${randomBytes(6).toString('hex')}`;
      const url = new URL(mysql);
      await sql(url, `create database ${name} character set utf8mb4`);
      cleanUp.push(() => sql(url, `drop database ${name}`));
      url.pathname = `/${name}`;
      settings.TRIMTAB_DATABASE__URL = url.href;
      settings.TRIMTAB_ETCD__ENDPOINTS = etcd;
      settings.TRIMTAB_ETCD__ROOT = name;
    }
    const server = new Server(setup, settings, dataDir);
    server.#cleanUp = cleanUp;
    try {
      server.url = await server.said(/listening on (http:\/\/[^\s/]+)/, START_DEADLINE_MS);
    } catch (error) {
      await server.stop().catch(() => {});
      throw error;
    }
    return server;
  }

  /** Returns the set-up link of the first administrator, which is printed only with an empty database. */
  async setupLink(): Promise<string> {
    const link = new URL(await this.said(/(https?:\/\/\S+\/setup\/[\w-]+)/));
    return this.url + link.pathname;
  }

  /** Waits for output of the server that matches, and returns the first group of the pattern. */
  async said(pattern: RegExp, deadlineMs = 10_000): Promise<string> {
    const { promise, resolve, reject } = withResolvers<string>();
    const check = () => {
      const match = pattern.exec(this.log);
      if (match) resolve(match[1] ?? match[0]);
      else if (this.#ended) reject(new Error(`the server ended without saying ${pattern}:\n${this.log}`));
    };
    const timer = setTimeout(
      () => reject(new Error(`the server did not say ${pattern} within ${deadlineMs} ms:\n${this.log}`)),
      deadlineMs,
    );
    this.#waiting.add(check);
    try {
      check();
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(check);
    }
  }

  /** Runs `trimtab ARGS` with the settings of this server, and returns its output. */
  async cli(args: string[], stdin = ''): Promise<string> {
    const run = promisify(execFile)(binary, args, { cwd: this.dataDir, env: this.#env(), timeout: 30_000 });
    // A command that does not read stdin may end before this is written.
    run.child.stdin!.on('error', () => {}).end(stdin);
    return (await run).stdout.trim();
  }

  /** Stops the server as an operator would, and removes its data. Throws if it does not exit cleanly. */
  async stop(): Promise<void> {
    const child = this.#child;
    try {
      if (!this.#ended) {
        child.kill('SIGTERM');
        const timer = setTimeout(() => child.kill('SIGKILL'), STOP_DEADLINE_MS);
        await this.#end;
        clearTimeout(timer);
      }
      if (child.exitCode !== 0) {
        throw new Error(`the server ended with ${child.exitCode ?? child.signalCode}:\n${this.log.slice(-4000)}`);
      }
    } finally {
      for (const step of this.#cleanUp.reverse()) await step();
    }
  }

  /** Returns the environment without the Trimtab settings of the test runner. */
  #env(): NodeJS.ProcessEnv {
    const inherited = Object.entries(process.env).filter(([name]) => !/^(TRIMTAB|LEPTOS)_/.test(name));
    return { ...Object.fromEntries(inherited), ...this.settings };
  }
}

async function sql(url: URL, statement: string): Promise<void> {
  await promisify(execFile)('mariadb', [
    '--no-defaults',
    '--protocol=tcp',
    `--host=${url.hostname}`,
    `--port=${url.port}`,
    `--user=${url.username}`,
    `--password=${url.password}`,
    `--execute=${statement}`,
  ]);
}

// Promise.withResolvers came with Node 22.
function withResolvers<T>() {
  let resolve!: (value: T) => void;
  let reject!: (reason: Error) => void;
  const promise = new Promise<T>((yes, no) => ([resolve, reject] = [yes, no]));
  return { promise, resolve, reject };
}
