import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from 'node:tls'
import t from 'tap'
import type { Test } from 'tap'
import { Agent, fetch } from 'undici'
import { runInjector } from './injector.ts'
import { SERVER_NAME, testAuthority } from './testing/serving.ts'

const authority = testAuthority()

function files(t: Test): { folder: string; write(name: string, text: string): string } {
  const folder = t.testdir()
  const write = (name: string, text: string) => {
    const path = join(folder, name)
    // As a mounted Secret changes: whole, at once.
    writeFileSync(`${path}.new`, text)
    renameSync(`${path}.new`, path)
    return path
  }
  return { folder, write }
}

/** Runs to the end and returns what was said. */
async function run(...argv: string[]) {
  let stdout = ''
  let stderr = ''
  const code = await runInjector(argv, {
    stdout: (text) => (stdout += text),
    stderr: (text) => (stderr += text),
    stopped: AbortSignal.abort(),
    version: '1.2.3',
    wait: () => Promise.resolve(),
  })
  return { code, stdout, stderr }
}

t.test('serves, reads its files again when they change, stops', async (t) => {
  const { write } = files(t)
  const first = authority.serving()
  const cert = write('tls.crt', first.certPem)
  const key = write('tls.key', first.keyPem)
  const settings = write('settings.yaml', 'proxyImage: weft-proxy:one\n')
  const stop = new AbortController()
  const lines: string[] = []
  let heard = () => {}
  const until = async (pattern: RegExp) => {
    for (;;) {
      const at = lines.findIndex((line) => pattern.test(line))
      if (at >= 0) return lines.splice(0, at + 1)
      await new Promise<void>((resolve) => (heard = resolve))
    }
  }
  let listening: (port: number) => void = () => {}
  const port = new Promise<number>((resolve) => (listening = resolve))
  const done = runInjector(
    ['--listen', '127.0.0.1:0', '--cert-file', cert, '--key-file', key, '--settings', settings],
    {
      stdout: () => {},
      stderr(text) {
        lines.push(text)
        heard()
      },
      stopped: stop.signal,
      version: '1.2.3',
      onListening: listening,
      pollMs: 10,
      wait: () => Promise.resolve(),
    },
  )
  t.teardown(async () => {
    stop.abort()
    await done
  })
  const at = await port
  const dispatcher = new Agent({ connect: { ca: authority.caPem, servername: SERVER_NAME } })
  t.teardown(() => dispatcher.close())
  const inject = async () => {
    const request = {
      uid: 'u',
      kind: { group: '', version: 'v1', kind: 'Pod' },
      namespace: 'shop',
      operation: 'CREATE',
      object: { spec: { containers: [{ name: 'web' }] } },
    }
    const answer = await fetch(`https://127.0.0.1:${at}/mutate`, {
      method: 'POST',
      dispatcher,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request }),
    })
    const { response } = (await answer.json()) as { response: { patch: string } }
    return Buffer.from(response.patch, 'base64').toString()
  }
  const serial = () =>
    new Promise<string>((resolve, reject) => {
      const socket = connect(
        { host: '127.0.0.1', port: at, ca: authority.caPem, servername: SERVER_NAME },
        () => {
          resolve(socket.getPeerCertificate().serialNumber)
          socket.destroy()
        },
      )
      socket.once('error', reject)
    })
  t.match(await inject(), /weft-proxy:one/)
  const serialOfFirst = await serial()

  write('settings.yaml', 'proxyImage: weft-proxy:two\n')
  await until(/file read again/)
  t.match(await inject(), /weft-proxy:two/)
  write('settings.yaml', 'proxyImage: 7\n')
  await until(/can not be used, the last one stays.*proxyImage: must be a string/)
  t.match(await inject(), /weft-proxy:two/, 'the last good settings stay')

  const second = authority.serving()
  write('tls.crt', second.certPem)
  await until(/can not be used.*the key is not that/)
  t.equal(await serial(), serialOfFirst, 'half a rotation changes nothing')
  write('tls.key', second.keyPem)
  await until(/serving certificate replaced/)
  t.not(await serial(), serialOfFirst)

  stop.abort()
  t.equal(await done, 0)
  await t.rejects(serial(), { code: 'ECONNREFUSED' })
})

t.test('wrong flags: one line, exit code 2', async (t) => {
  const pair = ['--cert-file', 'c', '--key-file', 'k']
  for (const [argv, pattern] of [
    [[], /--cert-file: is required/],
    [['--cert-file', 'c'], /--key-file: is required/],
    [[...pair, '--listen', 'nowhere'], /--listen: "nowhere" must be HOST:PORT/],
    [[...pair, '--listen', '127.0.0.1:99999'], /--listen/],
    [[...pair, '--log-level', 'loud'], /--log-level/],
    [[...pair, '--drain-seconds', 'long'], /--drain-seconds: "long" must be a number/],
    [[...pair, '--bogus'], /unknown flag --bogus/],
  ] as const) {
    const { code, stderr } = await run(...argv)
    t.equal(code, 2)
    t.match(stderr, pattern)
    t.equal(stderr.split('\n').length, 2)
  }
  t.match(await run('--help'), { code: 0, stdout: /Usage: weft injector/ })
})

t.test('files that can not be used: one line, exit code 1', async (t) => {
  const { folder, write } = files(t)
  const { certPem, keyPem } = authority.serving()
  const cert = write('tls.crt', certPem)
  const key = write('tls.key', keyPem)
  const other = write('other.key', authority.serving().keyPem)
  let count = 0
  const settings = (text: string) => [
    '--cert-file',
    cert,
    '--key-file',
    key,
    '--settings',
    write(`settings-${count++}`, text),
  ]
  for (const [argv, pattern] of [
    [['--cert-file', join(folder, 'none'), '--key-file', key], /none can't be read \(ENOENT\)/],
    [['--cert-file', cert, '--key-file', other], /the key is not that of the serving certificate/],
    [['--cert-file', key, '--key-file', cert], /must both be PEM/],
    [settings('a: ['), /the settings are not YAML/],
    [settings('7'), /settings: must be an object/],
    [settings('proxyimage: x'), /proxyimage: unknown; known are version, proxyImage/],
    [settings('order: middle'), /order: must be one of native, classic/],
    [settings('resources: {cpuRequest: lots}'), /resources.cpuRequest: must be a CPU quantity/],
    [settings('resources: {cpuRequest: "3"}'), /resources.cpuRequest: is above the limit/],
    [settings('excludeOutboundCidrs: [10.0.0.0/99]'), /excludeOutboundCidrs: "10.0.0.0\/99" is no CIDR/],
    [settings('excludedNamespaces: [a, B_]'), /excludedNamespaces\[1\]: must be a namespace/],
    [settings('controlPlane: somewhere'), /controlPlane: must be host:port/],
    [settings('drainSeconds: 1.5'), /drainSeconds: must be an integer/],
  ] as const) {
    const { code, stderr } = await run('--listen', '127.0.0.1:0', ...argv)
    t.equal(code, 1)
    t.match(stderr, pattern)
    t.notMatch(stderr, /\n\s+at |PRIVATE KEY/)
  }
  t.equal((await run('--listen', '127.0.0.1:0', ...settings(''))).code, 0, 'an empty file is the default')
  t.equal((await run('--listen', '127.0.0.1:0', ...settings('{"order": "classic"}'))).code, 0, 'JSON is YAML')
})
