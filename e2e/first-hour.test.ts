import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import t from 'tap'
import type { ClusterStatus } from '../local/control/status.ts'
import { findLacks, thisMachine } from '../local/requirements.ts'
import { commandsOf, fencesOf } from './document-fences.ts'

const PROJECT = join(import.meta.dirname, '..')
/** What `npx weft` starts in a clone. */
const WEFT = join(PROJECT, 'cli/bin/weft.cjs')
const lacks = findLacks(thisMachine)
const skip = lacks.length > 0 ? lacks.map((lack) => lack.message).join('; ') : false

const PAGE = readFileSync(join(PROJECT, 'docs/getting-started.md'), 'utf8')
const CHAPTER = PAGE.slice(PAGE.indexOf('<!-- Every command from here'), PAGE.indexOf('## In a cluster'))
const fence = (begins: string): string => {
  const found = fencesOf(CHAPTER).find(({ text }) => text.startsWith(begins))
  if (!found) throw new Error(`the page has no block that begins with ${begins}`)
  return `${found.text}\n`
}

interface Result {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** A cluster that a command of the page runs in a terminal. */
interface Up {
  readonly process: ChildProcess
  readonly ended: Promise<unknown>
  readonly said: () => string
}

async function until<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
): Promise<T> {
  const deadline = Date.now() + 90_000
  for (;;) {
    const found = await look()
    if (found !== undefined && found !== false) return found
    if (Date.now() > deadline) throw new Error(`not seen: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

t.test('the first hour, as the page has it', { skip, timeout: 240_000 }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-test-first-hour-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  cpSync(join(PROJECT, 'examples'), join(folder, 'examples'), { recursive: true })
  const write = (name: string, text: string): void => {
    const path = join(folder, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(`${path}.new`, text)
    renameSync(`${path}.new`, path)
  }

  // Of what is typed, only what others on this machine may have is another: the clusters' names, and the port.
  const canary = `hour-${process.pid}`
  const shop = `hour-${process.pid}-shop`
  const port = await freePort()
  const commands = commandsOf(CHAPTER).map(({ text }) => text)
  const next = (begins: string): string => {
    const typed = commands.shift() ?? 'nothing'
    if (!typed.startsWith(begins)) throw new Error(`the page goes on with ${typed}, not with ${begins}`)
    return typed
      .replace(/^npx weft (local (up|status|logs|down)|dashboard)\b(?!.*--name)/, `$& --name ${canary}`)
      .replace('--name shop', `--name ${shop}`)
      .replaceAll('8080', String(port))
      .replace(/^npx weft /, `"${process.execPath}" "${WEFT}" `)
  }
  const run = (begins: string): Promise<Result> =>
    new Promise((resolve) =>
      execFile('/bin/sh', ['-c', next(begins)], { cwd: folder }, (error, stdout, stderr) =>
        resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
      ),
    )
  const up = (begins: string): Up => {
    const child = spawn('/bin/sh', ['-c', `exec ${next(begins)}`], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let said = ''
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => (said += stripVTControlCharacters(text)))
    const ended = once(child, 'exit')
    t.teardown(async () => {
      child.kill('SIGKILL')
      await ended
    })
    return { process: child, ended, said: () => said }
  }
  const ready = ({ said, process: child }: Up): Promise<unknown> =>
    until('ready', () => {
      if (child.exitCode !== null) throw new Error(said())
      return /^ready after/m.test(said())
    })
  const weft = (argv: readonly string[]): Promise<Result> =>
    new Promise((resolve) =>
      execFile(process.execPath, [WEFT, ...argv], { cwd: folder }, (error, stdout, stderr) =>
        resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
      ),
    )
  const status = async (name: string): Promise<ClusterStatus> =>
    JSON.parse((await weft(['local', 'status', '--json', '--name', name])).stdout) as ClusterStatus
  /** Answers of each version that the client counted, in the lines of its log from `from` on. */
  const counted = async (from = 0): Promise<{ v1: number; v2: number; lines: number }> => {
    const lines = (await weft(['local', 'logs', 'canary/client', '--name', canary])).stdout.trim().split('\n')
    const counts = lines.slice(from).map((line) => JSON.parse(line || '{}') as { v1?: number; v2?: number })
    const sum = (version: 'v1' | 'v2') => counts.reduce((all, one) => all + (one[version] ?? 0), 0)
    return { v1: sum('v1'), v2: sum('v2'), lines: lines.length }
  }
  const enough = (counts: { v1: number; v2: number; lines: number }) =>
    counts.v1 + counts.v2 >= 60 && counts.lines >= 5 && counts

  const first = up('npx weft local up -f examples/canary')
  await ready(first)
  t.match(first.said(), /^dashboard: http:\/\/127\.0\.0\.1:\d+$/m)
  t.match(first.said(), /no folder stands for image `node:26-slim`: it runs this machine's own `node`/)
  const table = await run('npx weft local status')
  t.equal(table.stdout.match(/^canary +\S+ +2\/2 +Running +0 /gm)?.length, 4, table.stdout)
  const before = await until('answers', async () => enough(await counted()))
  t.ok(before.v2 > 0 && before.v2 < 0.25 * before.v1, `nine of ten times v1: ${JSON.stringify(before)}`)
  const logs = await run('npx weft local logs')
  t.equal(logs.stdout.trim().split('\n').length, 5)

  const { stdout: address } = await run('npx weft dashboard')
  t.equal((await fetch(/http:\S+/.exec(address)?.[0] ?? '')).status, 200, address)

  const file = 'examples/canary/canary.yaml'
  const text = readFileSync(join(folder, file), 'utf8')
  write(file, text.replace('weight: 90', 'weight: 20').replace('weight: 10', 'weight: 80'))
  const after = await until('the new shares', async () => {
    const counts = enough(await counted((await counted()).lines - 4))
    return counts && counts.v2 > 2 * counts.v1 && counts
  })
  t.ok(after.v1 > 0, JSON.stringify(after))
  const { pods } = await status(canary)
  t.ok(
    pods.every(({ containers }) => containers.every(({ restarts }) => restarts === 0)),
    'nothing was restarted',
  )

  const shopManifest = fence('apiVersion: v1')
  write('my-manifests/shop.yaml', shopManifest)
  write('web/server.mjs', fence('import { createServer }'))
  const second = up('npx weft local up --name shop')
  await ready(second)
  const answer = await run('curl')
  t.match(answer.stdout, /^hello from web-\S+\n$/)
  const mine = await run('npx weft local status')
  t.equal(mine.stdout.match(/^shop +web-\S+ +2\/2 +Running +0 /gm)?.length, 2, mine.stdout)
  t.notMatch(mine.stdout, 'PROBLEMS')
  t.match(await weft(['local', 'status', '--name', `hour-${process.pid}-none`]), { code: 1, stderr: canary })

  write('my-manifests/shop.yaml', shopManifest.replace('replicas', 'replcias'))
  const told = fence('my-manifests/shop.yaml:')
  t.strictSame(await run('npx weft local validate'), { code: 1, stdout: told, stderr: '' })
  const [line = ''] = told.split('\n')
  await until('the mistake in up', () => second.said().includes(line))
  const wrong = await weft(['local', 'status', '--name', shop])
  t.match(wrong.stdout, line)
  t.match(wrong.stdout, /^shop +web-\S+ +2\/2 +Running +0 /m)
  write('my-manifests/shop.yaml', shopManifest)
  await until('that it is mended', () => second.said().includes('mended: my-manifests/shop.yaml:11:3: '))
  t.strictSame((await status(shop)).problems, [])

  t.strictSame(await run('npx weft inject'), { code: 0, stdout: '', stderr: '' })
  const meshed = readFileSync(join(folder, 'meshed.yaml'), 'utf8')
  t.match(meshed, /- name: weft-proxy\n/)
  t.ok(meshed.includes('registry.example/shop/web:v1'))

  t.match(await run('npx weft local down'), { code: 0 })
  await second.ended
  t.match(second.said(), 'ended by weft local down')
  t.equal((await status(canary)).pods.length, pods.length, 'the other one goes on')
  first.process.kill('SIGINT')
  await first.ended
  t.equal(first.process.exitCode, 0)
  t.match(first.said(), 'ended: nothing of it is left')
  t.match(await run('npx weft local down'), { code: 1, stderr: 'no cluster answers' })
  t.strictSame(commands, [], 'every command of the page was played')
  for (const name of [canary, shop]) t.notOk(existsSync(join(tmpdir(), `weft-${userInfo().uid}-${name}`)))
})
