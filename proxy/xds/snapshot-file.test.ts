import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { WeftError } from '../../core/errors.ts'
import { DeltaDiscoveryResponse } from '../../core/xds/generated/envoy.js'
import { broken, clusterOf, endpointsAt, listenerTo, routesTo } from '../testing/wire-resources.ts'
import type { ResourceKind } from './decode.ts'
import { KINDS, ResourceTable, type HeldResource } from './resource-table.ts'
import { snapshotFile } from './snapshot-file.ts'

function filled(): ResourceTable {
  const table = new ResourceTable()
  table.listener('outbound/10.0.0.1:80')
  table.listener('outbound/192.0.2.1:443')
  table.listener('outbound/192.0.2.2:443')
  table.apply('listener', [listenerTo('outbound/10.0.0.1:80', 'r', 'l1')], ['outbound/192.0.2.1:443'])
  table.apply('route', [routesTo('r', ['c', 'gone'], 'r1')], [])
  table.apply('cluster', [clusterOf('c', 'e', 'c1')], ['gone'])
  table.apply('endpoints', [endpointsAt('e', ['10.1.0.1', '2001:db8::1'], 'e1')], [])
  table.version = '42'
  return table
}

/** In their model form. */
function valuesOf(table: ResourceTable, kind: ResourceKind): unknown[] {
  return table.names(kind).flatMap((name) => table[kind](name).value ?? [])
}

function shown(table: ResourceTable): unknown {
  return {
    version: table.version,
    kinds: KINDS.map((kind) => [
      kind,
      [...table.names(kind)].sort(),
      table.held(kind).map(({ name, version }) => `${name} ${version}`),
      table.absent(kind),
      valuesOf(table, kind),
    ]),
  }
}

function setUp(t: Test) {
  const directory = join(t.testdir({}), 'state')
  return { directory, path: join(directory, 'configuration.json'), file: snapshotFile(directory) }
}

t.test('what was held, what is known not to be and the version come back', (t) => {
  const { file, path, directory } = setUp(t)
  const before = filled()
  file.save(before)
  const after = new ResourceTable()
  t.strictSame(snapshotFile(directory).load(after), [])
  t.strictSame(
    after.names('listener').toSorted(),
    ['outbound/10.0.0.1:80', 'outbound/192.0.2.1:443'],
    'a name without an answer is not kept',
  )
  for (const kind of KINDS) {
    t.strictSame(after.held(kind), before.held(kind).map(plain))
    t.strictSame(after.absent(kind), before.absent(kind))
    t.strictSame(valuesOf(after, kind), valuesOf(before, kind))
  }
  t.equal(after.version, '42')
  t.equal(statSync(path).mode & 0o777, 0o600)
  t.equal(statSync(directory).mode & 0o777, 0o700)
  t.strictSame(readdirSync(directory), ['configuration.json'], 'nothing half-written is left')
  t.end()
})

/** Bytes as the codec gives them back. */
function plain({ name, version, resource: { typeUrl, value } }: HeldResource): HeldResource {
  return { name, version, resource: { typeUrl, value: value && Buffer.from(value) } }
}

t.test('where nothing was kept there is nothing to say', (t) => {
  const { file } = setUp(t)
  t.equal(file.load(new ResourceTable()), undefined)
  t.end()
})

t.test('an empty table is a configuration, too', (t) => {
  const { file } = setUp(t)
  file.save(new ResourceTable())
  t.strictSame(file.load(new ResourceTable()), [])
  t.end()
})

t.test('what is not whole is refused by its name, changes nothing, and is replaced', (t) => {
  const { file, path } = setUp(t)
  file.save(filled())
  const good = readFileSync(path, 'utf8')
  const stored = JSON.parse(good) as { format: number; sha256: string; kinds: Record<string, string> }
  const signed = (kinds: Record<string, unknown>) => JSON.stringify({ format: 1, sha256: sum(kinds), kinds })
  // The first kinds are good: none of them may be in force when the last is not.
  const noMessage = { ...stored.kinds, route: Buffer.from([0x12, 0xff, 0xff]).toString('base64') }
  const cases: Record<string, string> = {
    empty: '',
    'truncated by a byte': good.slice(0, -1),
    'truncated in the middle': good.slice(0, good.length >> 1),
    'one character changed': good.replace('"listener":"', '"listener":"A'),
    'a kind left out': JSON.stringify({ ...stored, kinds: { ...stored.kinds, route: undefined } }),
    'another format': JSON.stringify({ ...stored, format: 2 }),
    'no object': '[]',
    null: 'null',
    'a number': '7',
    'no kinds': JSON.stringify({ format: 1, sha256: stored.sha256 }),
    'kinds of another type': signed({ cluster: 1, endpoints: {}, listener: [], route: null }),
    'kinds that are arrays of bytes': signed({ cluster: [1, 2], endpoints: '', listener: '', route: '' }),
    'a length without end': signed({ ...stored.kinds, listener: { length: 1e9 } }),
    'bytes that are no message': signed(noMessage),
    'a prototype': `{"format":1,"sha256":"x","__proto__":{"kinds":{}}}`,
    'bytes that are no text': '\u0000\ufffd\u001b[2J',
  }
  for (const [name, text] of Object.entries(cases)) {
    writeFileSync(path, text)
    const table = filled()
    const before = shown(table)
    let error: unknown
    try {
      file.load(table)
    } catch (thrown) {
      error = thrown
    }
    t.ok(error instanceof WeftError, `${name}: a WeftError`)
    t.match(error, { code: 'xds.snapshot', message: path }, name)
    t.notMatch((error as Error).message, '\n', `${name}: one line`)
    t.strictSame(shown(table), before, `${name}: the table is as before`)
    file.save(table)
    t.strictSame(file.load(new ResourceTable()), [], `${name}: replaced by the next`)
  }
  t.end()
})

function sum(kinds: Record<string, unknown>): string {
  const hash = createHash('sha256')
  for (const kind of KINDS) hash.update(`${kind}:${String(kinds[kind])}\n`)
  return hash.digest('hex')
}

t.test('a resource of another release is asked for again; the others serve', (t) => {
  const { file, path } = setUp(t)
  file.save(filled())
  const stored = JSON.parse(readFileSync(path, 'utf8')) as { kinds: Record<string, string> }
  const message = DeltaDiscoveryResponse.decode(Buffer.from(stored.kinds['route'] ?? '', 'base64'))
  const kinds = {
    ...stored.kinds,
    route: Buffer.from(
      DeltaDiscoveryResponse.encode({
        ...message,
        resources: [broken(routesTo('r', [])), routesTo('other', ['c'], 'o1')],
      }),
    ).toString('base64'),
  }
  writeFileSync(path, JSON.stringify({ format: 1, sha256: sum(kinds), kinds }))
  const table = new ResourceTable()
  const problems = file.load(table)
  t.equal(problems?.length, 1)
  t.match(problems?.[0], /^r: /)
  t.ok(table.names('route').includes('r'), 'it is asked for')
  t.strictSame(
    table.held('route').map(({ name, version }) => `${name} ${version}`),
    ['other o1'],
    'and not said to be held',
  )
  t.match(table.cluster('c').value, { name: 'c' })
  t.end()
})

t.test('a directory in the place of the file is an error by its name', (t) => {
  const { file, path } = setUp(t)
  mkdirSync(path, { recursive: true })
  t.throws(() => file.load(new ResourceTable()), { code: 'file.read', message: path })
  t.throws(() => file.save(new ResourceTable()), { code: 'file.write', message: path })
  t.end()
})
