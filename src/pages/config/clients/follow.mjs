import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

async function* follow(url, token, after = 0) {
  const headers = { authorization: `Bearer ${token}`, 'x-instance': hostname() };
  while (true) {
    try {
      const signal = AbortSignal.timeout(75_000);
      const answer = await fetch(`${url}?after=${after}&wait=60`, { headers, signal });
      if (answer.ok) {
        const config = await answer.json();
        after = config.release;
        yield config.content;
      } else if (answer.status !== 304) {
        await sleep(1000 * (Number(answer.headers.get('retry-after')) || 2));
      }
    } catch {
      await sleep(2000);
    }
  }
}

for await (const content of follow(process.env.CONFIG_URL, process.env.TOKEN)) {
  console.log(content);
}
