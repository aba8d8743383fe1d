import { readdir, readlink, stat } from 'node:fs/promises'

/** Kills every process that is still in a network namespace, whatever group it put itself in. */
export async function killNamespace(path: string): Promise<void> {
  const { ino } = await stat(path)
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    const namespace = await readlink(`/proc/${entry}/ns/net`).catch(() => '')
    if (namespace !== `net:[${ino}]`) continue
    try {
      process.kill(Number(entry), 'SIGKILL')
    } catch {
      // Gone meanwhile.
    }
  }
}
