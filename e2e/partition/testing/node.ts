import { execFileSync } from 'node:child_process'
import { describeError } from '../../../core/errors.ts'
import { ProxyProcess } from '../../pair/testing/proxy-process.ts'
import { serveApplications } from './applications.ts'
import type { Counts, FromNode, ToNode } from './messages.ts'

// A node with applications and the sidecar before them, in a network namespace of its own. Its parent moves `eth0` in
// and says what is to be done.

const LOSE = ['INPUT', '-i', 'eth0', '-j', 'DROP']

let counts: () => Counts = () => ({ posts: {}, open: { webSockets: 0, relays: 0, held: 0 } })

async function done(message: ToNode): Promise<FromNode> {
  switch (message.type) {
    case 'serve': {
      const { host, number, holds, bootstrap, folder } = message
      execFileSync('ip', ['link', 'set', 'lo', 'up'])
      execFileSync('ip', ['address', 'add', `${host}/24`, 'dev', 'eth0'])
      execFileSync('ip', ['link', 'set', 'eth0', 'up'])
      counts = await serveApplications(number, holds)
      const proxy = await ProxyProcess.start(`server-${number}`, folder, bootstrap, 15_000)
      // Its parent has gone.
      process.on('disconnect', () => {
        void proxy.kill()
        process.exit()
      })
      return { type: 'done' }
    }
    case 'lose':
      execFileSync('iptables', [message.packets ? '-A' : '-D', ...LOSE])
      return { type: 'done' }
    case 'interface':
      execFileSync('ip', ['link', 'set', 'eth0', message.up ? 'up' : 'down'])
      return { type: 'done' }
    case 'count':
      return { type: 'counted', counts: counts() }
  }
}

const say = (message: FromNode): void => void process.send?.(message)
process.on('message', (message: ToNode) => {
  done(message).then(say, (error: unknown) => say({ type: 'failed', message: describeError(error) }))
})
say({ type: 'up' })
