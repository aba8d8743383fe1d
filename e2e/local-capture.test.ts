import { execFileSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { Captures } from '../local/control/capture.ts'
import { inOwnNamespace } from './sidecar/own-namespace.ts'

const PACKETS = 200

const ip = (...args: string[]) => execFileSync('ip', args)

/** The processes of this namespace's tcpdump. */
function tcpdumps(file: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const argv = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
        return argv[0] === 'tcpdump' && argv.includes(file)
      } catch {
        return false
      }
    })
    .map(Number)
}

inOwnNamespace(t, import.meta.filename, () => {
  t.test('a capture has every packet, however late tcpdump gets a turn', async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'weft-test-capture-'))
    t.teardown(() => rmSync(directory, { recursive: true, force: true }))
    ip('link', 'add', 'near', 'type', 'veth', 'peer', 'name', 'far')
    ip('address', 'add', '192.0.2.1/24', 'dev', 'near')
    for (const end of ['near', 'far']) ip('link', 'set', end, 'up')
    ip('neighbour', 'add', '192.0.2.2', 'lladdr', '02:00:00:00:00:02', 'dev', 'near')

    const captures = new Captures(directory)
    const { id, file } = await captures.start('near', 'udp port 9')
    const [tcpdump] = tcpdumps(file)
    if (tcpdump === undefined) throw new Error('no tcpdump runs')
    process.kill(tcpdump, 'SIGSTOP')
    const socket = createSocket('udp4')
    for (let i = 0; i < PACKETS; i++)
      await new Promise((resolve) => socket.send(`packet-${i};`, 9, '192.0.2.2', resolve))
    socket.close()
    const stopped = captures.stop(id)
    // Long after its end was asked for: a stop that took a silent file for a whole one has sent its signal by then.
    setTimeout(() => process.kill(tcpdump, 'SIGCONT'), 1000)
    await stopped
    const seen = readFileSync(file).toString('latin1')
    const missing = Array.from({ length: PACKETS }, (_, i) => `packet-${i};`).filter(
      (text) => !seen.includes(text),
    )
    t.same(missing, [])
  })
})
