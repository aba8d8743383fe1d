import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ManualClock } from '../../core/clock.ts'
import { silentLogger } from '../../core/log.ts'
import { ManifestDirectorySource } from './manifest-directory.ts'
import type { Snapshot } from './snapshot.ts'
import { formatSourceError } from './source.ts'

const RESCAN_MS = 600_000

const service = (name: string, port = 80, extra = ''): string =>
  `apiVersion: v1\nkind: Service\nmetadata: { name: ${name}, namespace: shop }\nspec: { ports: [{ port: ${port}${extra} }] }\n`

// The source keeps no process alive; a test that waits for it has to.
const alive = setInterval(() => {}, 60_000)
t.teardown(() => clearInterval(alive))

function directory(t: Test): string {
  const path = mkdtempSync(join(tmpdir(), 'weft-registry-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  return path
}

function open(t: Test, ...directories: string[]): ManifestDirectorySource {
  // Far apart rescans: what these tests see came from the system's events.
  const source = new ManifestDirectorySource({ directories, log: silentLogger, rescanMs: RESCAN_MS })
  t.teardown(() => source.close())
  return source
}

async function until(source: ManifestDirectorySource, holds: (snapshot: Snapshot) => boolean): Promise<void> {
  if (holds(source.snapshot.value)) return
  await new Promise<void>((resolve) => {
    const unwatch = source.snapshot.watch((snapshot) => {
      if (!holds(snapshot)) return
      unwatch()
      resolve()
    })
  })
}

async function untilErrors(source: ManifestDirectorySource, count: number): Promise<void> {
  if (source.errors.value.length === count) return
  await new Promise<void>((resolve) => {
    const unwatch = source.errors.watch((errors) => {
      if (errors.length !== count) return
      unwatch()
      resolve()
    })
  })
}

const portOf = (snapshot: Snapshot, name: string): number | undefined =>
  snapshot.services.get(`shop/${name}`)?.ports[0]?.port
const errorsOf = (source: ManifestDirectorySource): string[] => source.errors.value.map(formatSourceError)

t.test('reads what is there, and each kind of change', async (t) => {
  const dir = directory(t)
  writeFileSync(join(dir, 'a.yaml'), service('a') + '---\n' + service('b'))
  const source = open(t, dir)
  t.equal(source.snapshot.value.services.size, 2)

  const before = source.snapshot.value
  writeFileSync(join(dir, 'a.yaml'), service('a') + '---\n' + service('b', 81))
  await until(source, (now) => portOf(now, 'b') === 81)
  t.equal(
    source.snapshot.value.services.get('shop/a'),
    before.services.get('shop/a'),
    'what stayed is the same object',
  )
  t.equal(source.snapshot.value.pods, before.pods, 'and so is a table that nothing touched')

  writeFileSync(join(dir, '.a.yaml.tmp'), service('a', 82))
  renameSync(join(dir, '.a.yaml.tmp'), join(dir, 'a.yaml'))
  await until(source, (now) => portOf(now, 'a') === 82 && !now.services.has('shop/b'))

  mkdirSync(join(dir, 'new/deep'), { recursive: true })
  writeFileSync(
    join(dir, 'new/deep/c.json'),
    JSON.stringify({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'c', namespace: 'shop' } }),
  )
  await until(source, (now) => now.services.has('shop/c'))
  writeFileSync(join(dir, 'new/deep/d.yml'), service('d'))
  await until(source, (now) => now.services.has('shop/d'))

  rmSync(join(dir, 'new'), { recursive: true })
  await until(source, (now) => !now.services.has('shop/c') && !now.services.has('shop/d'))
  unlinkSync(join(dir, 'a.yaml'))
  await until(source, (now) => now.services.size === 0)
})

t.test('changes come by events: long before the next scan', async (t) => {
  const dir = directory(t)
  writeFileSync(join(dir, 'a.yaml'), service('a', 1000))
  const source = open(t, dir)
  const start = performance.now()
  for (let port = 1001; port <= 1011; port++) {
    writeFileSync(join(dir, 'a.yaml'), service('a', port))
    await until(source, (now) => portOf(now, 'a') === port)
  }
  t.ok(performance.now() - start < RESCAN_MS / 2)
})

t.test('a mistake leaves the last good state of that file in force', async (t) => {
  const dir = directory(t)
  writeFileSync(join(dir, 'a.yaml'), service('a') + '---\n' + service('b'))
  writeFileSync(join(dir, 'other.yaml'), service('other'))
  const source = open(t, dir)
  writeFileSync(join(dir, 'a.yaml'), service('a', 81) + '---\n' + service('b', 999_999))
  await untilErrors(source, 1)
  t.match(errorsOf(source), [
    /^a\.yaml:9: spec\.ports\[0\]\.port: must be an integer from 1 to 65,535, got 999999$/,
  ])
  t.equal(portOf(source.snapshot.value, 'a'), 80)
  t.equal(portOf(source.snapshot.value, 'b'), 80)

  writeFileSync(join(dir, 'other.yaml'), service('other', 90))
  await until(source, (now) => portOf(now, 'other') === 90)
  writeFileSync(join(dir, 'a.yaml'), service('a', 81))
  await until(source, (now) => portOf(now, 'a') === 81)
  t.strictSame(errorsOf(source), [])
  t.notOk(source.snapshot.value.services.has('shop/b'))
})

t.test('a file that never was good contributes what is right in it', async (t) => {
  const dir = directory(t)
  writeFileSync(join(dir, 'a.yaml'), service('a') + '---\n' + service('b', 0))
  const source = open(t, dir)
  t.strictSame([...source.snapshot.value.services.keys()], ['shop/a'])
  t.equal(source.errors.value.length, 1)
})

t.test('an emptied file counts only once it stays empty', async (t) => {
  const dir = directory(t)
  const file = join(dir, 'a.yaml')
  writeFileSync(file, service('a'))
  const source = open(t, dir)
  const sizes: number[] = []
  source.snapshot.watch((now) => sizes.push(now.services.size))
  writeFileSync(file, '')
  // Another file's event makes it look at the empty one, too.
  writeFileSync(join(dir, 'b.yaml'), service('b'))
  await until(source, (now) => now.services.has('shop/b'))
  writeFileSync(file, service('a', 81))
  await until(source, (now) => portOf(now, 'a') === 81)
  t.strictSame(sizes, [2, 2], 'the Service never went away')
  writeFileSync(file, '')
  await until(source, (now) => !now.services.has('shop/a'))
})

t.test('the last directory wins; within one directory a duplicate is told with both files', async (t) => {
  const first = directory(t)
  const second = directory(t)
  writeFileSync(join(first, 'a.yaml'), service('a', 1))
  writeFileSync(join(second, 'z.yaml'), service('a', 2))
  const source = open(t, first, second)
  t.equal(portOf(source.snapshot.value, 'a'), 2)
  t.strictSame(errorsOf(source), [])

  writeFileSync(join(first, 'b.yaml'), service('a', 3))
  await untilErrors(source, 1)
  t.match(errorsOf(source), [/^b\.yaml:1: metadata\.name: Service shop\/a is also in a\.yaml/])
  t.equal(portOf(source.snapshot.value, 'a'), 2)

  unlinkSync(join(second, 'z.yaml'))
  await until(source, (now) => portOf(now, 'a') === 1)
})

t.test('what editors leave behind is no manifest', async (t) => {
  const dir = directory(t)
  for (const name of [
    '.a.yaml.swp',
    'a.yaml~',
    '#a.yaml#',
    '.#a.yaml',
    'a.yaml.bak',
    '4913',
    '.hidden.yaml',
    'README.md',
  ]) {
    writeFileSync(join(dir, name), service('a'))
  }
  t.equal(open(t, dir).snapshot.value.services.size, 0)
})

t.test('linked files are read (a ConfigMap is mounted so) and followed when the link turns', async (t) => {
  const dir = directory(t)
  const data = directory(t)
  for (const port of [1, 2]) {
    mkdirSync(join(data, `v${port}`))
    writeFileSync(join(data, `v${port}/a.yaml`), service('a', port))
  }
  symlinkSync(join(data, 'v1/a.yaml'), join(dir, 'a.yaml'))
  const source = open(t, dir)
  t.equal(portOf(source.snapshot.value, 'a'), 1)
  symlinkSync(join(data, 'v2/a.yaml'), join(dir, '.next'))
  renameSync(join(dir, '.next'), join(dir, 'a.yaml'))
  await until(source, (now) => portOf(now, 'a') === 2)
})

t.test('the rescan finds what no event told', async (t) => {
  const dir = directory(t)
  writeFileSync(join(dir, 'a.yaml'), service('a'))
  const outside = directory(t)
  writeFileSync(join(outside, 'b.yaml'), service('b', 1))
  // A link's target lies in a directory that is not watched.
  symlinkSync(join(outside, 'b.yaml'), join(dir, 'b.yaml'))
  const source = new ManifestDirectorySource({ directories: [dir], log: silentLogger, rescanMs: 20 })
  t.teardown(() => source.close())
  writeFileSync(join(outside, 'b.yaml'), service('b', 2222))
  await until(source, (now) => portOf(now, 'b') === 2222)
})

t.test(
  'what no event told waits for half a second at most, in a directory that is quickly looked through',
  async (t) => {
    const dir = directory(t)
    writeFileSync(join(dir, 'a.yaml'), service('a'))
    const outside = directory(t)
    writeFileSync(join(outside, 'b.yaml'), service('b', 1))
    symlinkSync(join(outside, 'b.yaml'), join(dir, 'b.yaml'))
    const clock = new ManualClock()
    const source = new ManifestDirectorySource({ directories: [dir], log: silentLogger, clock })
    t.teardown(() => source.close())
    writeFileSync(join(outside, 'b.yaml'), service('b', 2222))
    clock.advance(500)
    t.equal(portOf(source.snapshot.value, 'b'), 2222)
  },
)

t.test('bytes that are not UTF-8 and directories that are not there are told', async (t) => {
  const dir = directory(t)
  writeFileSync(join(dir, 'a.yaml'), service('a'))
  const source = open(t, dir)
  writeFileSync(join(dir, 'a.yaml'), Buffer.from([0xff, 0xfe, 0x00]))
  await untilErrors(source, 1)
  t.ok(source.snapshot.value.services.has('shop/a'))
  t.throws(() => new ManifestDirectorySource({ directories: [join(dir, 'gone')], log: silentLogger }), {
    code: 'registry.no_directory',
  })
})
