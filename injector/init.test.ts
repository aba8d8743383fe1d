import t from 'tap'
import { silentLogger } from '../core/log.ts'
import { runInit } from './init.ts'
import { captureRules, defaultCapture } from './rules/capture.ts'
import type { Host } from './rules/apply.ts'
import type { CommandResult } from './rules/iptables.ts'

const EMPTY = '*nat\nCOMMIT\n'
const GLOBAL6 = 'fd770000000000000000000000000002 02 40 00 80 eth0\n'
const LINK_LOCAL6 = 'fe800000000000000000000000000002 02 40 20 80 eth0\n'

type Answer = Partial<CommandResult> | 'absent'

/** Two nat tables that keep what was last restored to them. `on` answers instead where it wants to. */
class FakeKernel implements Host {
  tables: Record<string, string> = { iptables: EMPTY, ip6tables: EMPTY }
  calls: string[] = []
  logger = silentLogger
  interfaces: string | undefined = GLOBAL6
  capabilities = '0000000000001000'
  on: (command: string, input: string) => Answer | undefined = () => undefined

  ifInet6 = () => this.interfaces
  status = () => `Name:\tnode\nCapEff:\t${this.capabilities}\n`
  run = async (program: string, args: readonly string[], input: string): Promise<CommandResult> => {
    const command = [program, ...args].join(' ')
    this.calls.push(command)
    const answer = this.on(command, input)
    if (answer === 'absent') throw new Error(`spawn ${program} ENOENT`)
    if (answer) return { code: 1, stdout: '', stderr: '', ...answer }
    const family = program.startsWith('ip6') ? 'ip6tables' : 'iptables'
    if (program.endsWith('-save')) return { code: 0, stdout: this.tables[family] ?? '', stderr: '' }
    if (!args.includes('--test')) {
      // A restore that deletes the chains leaves nothing of ours.
      this.tables[family] = input.includes('-X ') ? EMPTY : input.replaceAll(/^-D .*\n/gm, '')
    }
    return { code: 0, stdout: '', stderr: '' }
  }
}

async function init(kernel: FakeKernel, ...argv: string[]) {
  let stdout = ''
  let stderr = ''
  const code = await runInit(
    argv,
    { stdout: (text) => (stdout += text), stderr: (text) => (stderr += text) },
    kernel,
  )
  return { code, stdout, stderr }
}

t.test('sets both families and waits for the lock', async (t) => {
  const kernel = new FakeKernel()
  t.strictSame(await init(kernel), { code: 0, stdout: '', stderr: '' })
  t.equal(kernel.tables['iptables'], captureRules(defaultCapture, 4))
  t.equal(kernel.tables['ip6tables'], captureRules(defaultCapture, 6))
  t.ok(
    kernel.calls
      .filter((call) => call.includes('-restore'))
      .every((call) => call.includes('--wait 5 --noflush')),
  )
  t.ok(
    kernel.calls.findLastIndex((call) => call.includes('--test')) <
      kernel.calls.findIndex((call) => call.includes('-restore') && !call.includes('--test')),
    'all is tested before anything is changed',
  )
})

t.test('without NET_ADMIN: says so and runs nothing', async (t) => {
  const kernel = new FakeKernel()
  kernel.capabilities = '0000000000000000'
  const { code, stderr } = await init(kernel)
  t.equal(code, 1)
  t.match(stderr, /capability NET_ADMIN is missing.*weft-init/)
  t.strictSame(kernel.calls, [])
})

t.test('without iptables: says so', async (t) => {
  const kernel = new FakeKernel()
  kernel.on = () => 'absent'
  t.match(await init(kernel), { code: 1, stderr: /iptables-save can't be started: install iptables/ })
})

t.test('a kernel without a nat table: says so', async (t) => {
  const kernel = new FakeKernel()
  kernel.on = () => ({ code: 3, stderr: "can't initialize iptables table `nat': Table does not exist\n" })
  t.match(await init(kernel), { code: 1, stderr: /no nat table.*the node's kernel needs nf_nat/ })
})

t.test('falls back to another backend', async (t) => {
  const kernel = new FakeKernel()
  kernel.on = (command) => (/^ip6?tables-(save|restore|nft)/.test(command) ? 'absent' : undefined)
  t.equal((await init(kernel)).code, 0)
  t.equal(kernel.calls.at(-1), 'ip6tables-legacy-save -t nat')
})

t.test('IPv6', async (t) => {
  const broken = (command: string): Answer | undefined =>
    command.startsWith('ip6') ? { stderr: 'Table does not exist' } : undefined
  t.test('no nat, no address: skipped', async (t) => {
    const kernel = new FakeKernel()
    kernel.on = broken
    kernel.interfaces = LINK_LOCAL6
    t.equal((await init(kernel)).code, 0)
    t.equal(kernel.tables['iptables'], captureRules(defaultCapture, 4))
  })
  t.test('no nat but an address: refused, IPv4 untouched', async (t) => {
    const kernel = new FakeKernel()
    kernel.on = broken
    t.match(await init(kernel), { code: 1, stderr: /ip6tables-save finds no nat table/ })
    t.equal(kernel.tables['iptables'], EMPTY)
  })
  t.test('no nat, no address, but asked for: refused', async (t) => {
    const kernel = new FakeKernel()
    kernel.on = broken
    kernel.interfaces = undefined
    t.equal((await init(kernel, '--ipv6', 'on')).code, 1)
  })
  t.test('switched off or not in the kernel: not called', async (t) => {
    const kernel = new FakeKernel()
    await init(kernel, '--ipv6', 'off')
    kernel.interfaces = undefined
    await init(kernel)
    t.notOk(kernel.calls.some((call) => call.startsWith('ip6')))
  })
})

t.test('IPv6 fails at the last moment: IPv4 is as before', async (t) => {
  const failing = (command: string): Answer | undefined =>
    command.startsWith('ip6tables-restore') && !command.includes('--test') ? { stderr: 'busy' } : undefined
  const fresh = new FakeKernel()
  fresh.on = failing
  t.match(await init(fresh), { code: 1, stderr: /ip6tables-restore failed: busy/ })
  t.equal(fresh.tables['iptables'], EMPTY, 'nothing before, nothing after')

  const again = new FakeKernel()
  await init(again, '--exclude-inbound-ports', '22')
  again.on = failing
  t.equal((await init(again)).code, 1)
  t.match(again.tables['iptables'], /--dport 22 -j RETURN/, 'the earlier rules are back')
})

t.test('rules that are not there after setting them are an error', async (t) => {
  const kernel = new FakeKernel()
  kernel.on = (command) => (/^iptables-restore.*--noflush$/.test(command) ? { code: 0 } : undefined)
  t.match(await init(kernel), { code: 1, stderr: /the rules are not in force: 0 jumps/ })
})

t.test('prints, helps, removes', async (t) => {
  const kernel = new FakeKernel()
  t.match((await init(kernel, '--print')).stdout, /# iptables-restore[^]*COMMIT[^]*# ip6tables-restore/)
  t.match((await init(kernel, '--help')).stdout, /Usage: weft init/)
  t.strictSame(kernel.calls, [])
  await init(kernel)
  t.equal((await init(kernel, '--remove')).code, 0)
  t.strictSame(kernel.tables, { iptables: EMPTY, ip6tables: EMPTY })
})

t.test('wrong flags: one line, exit code 2', async (t) => {
  for (const [argv, pattern] of [
    [['--bogus'], /unknown flag --bogus/],
    [['extra'], /extra/],
    [['--exclude-inbound-ports', '1,x'], /--exclude-inbound-ports: "x" is no port/],
    [['--include-outbound-ports', '70000'], /--include-outbound-ports/],
    [['--exclude-outbound-cidrs', '10.0.0.0/99'], /--exclude-outbound-cidrs: "10.0.0.0\/99" is no CIDR/],
    [['--proxy-uid', '0'], /--proxy-uid/],
    [['--ipv6', 'maybe'], /--ipv6: "maybe" must be auto, on or off/],
  ] as const) {
    const { code, stderr } = await init(new FakeKernel(), ...argv)
    t.equal(code, 2)
    t.match(stderr, pattern)
    t.equal(stderr.split('\n').length, 2)
  }
})
