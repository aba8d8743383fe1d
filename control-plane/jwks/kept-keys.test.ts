import { generateKeyPairSync } from 'node:crypto'
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createLogger, silentLogger } from '../../core/log.ts'
import { Watched } from '../../core/watched.ts'
import { readKeySet } from '../model/key-set.ts'
import type { FetchedKeys, KeysBySource } from '../model/token-rule.ts'
import { keepInDirectory, keptInDirectory } from './kept-keys-file.ts'
import { MOST_KEPT_BYTES, readKeptKeys, writeKeptKeys } from './kept-keys.ts'

const PUBLIC = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' })
const PRIVATE = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' })
const setOf = (...keys: object[]): string => JSON.stringify({ keys })
const known = (text: string | undefined): FetchedKeys => ({ text, problem: undefined })
const NONE = new Map<string, string>()

t.test('what is kept is what was known, and what was kept of a source that has none now', async (t) => {
  const now: KeysBySource = new Map([
    ['uri https://b/', known(setOf({ ...PUBLIC, kid: 'b' }))],
    ['uri https://a/', known(undefined)],
    ['uri https://never/', known(undefined)],
  ])
  const before = new Map([
    ['uri https://a/', setOf({ ...PUBLIC, kid: 'a' })],
    ['uri https://gone/', setOf(PUBLIC)],
  ])
  const text = writeKeptKeys(now, before)
  const read = readKeptKeys(text)
  t.same([...read.keys()], ['uri https://a/', 'uri https://b/'])
  t.match(read.get('uri https://a/'), /"kid":"a"/)
  t.equal(
    read.get('uri https://b/'),
    readKeySet(now.get('uri https://b/')?.text ?? '').set.text,
    'as it is fetched',
  )
  t.equal(writeKeptKeys(new Map([...now].toReversed()), before), text, 'in one way')
})

t.test('it is bounded: the longest sets go first', async (t) => {
  const long = (bytes: number) => setOf({ ...PUBLIC, kid: 'x'.repeat(bytes) })
  const now = new Map(
    Array.from({ length: 20 }, (_, at) => [`uri https://${at}/`, known(long(at * 3000))] as const),
  )
  const text = writeKeptKeys(now, NONE)
  t.ok(text.length <= MOST_KEPT_BYTES)
  t.equal(readKeptKeys(text).size, 19)
  t.notOk(readKeptKeys(text).has('uri https://19/'))
})

t.test('of what was kept nothing is believed that no answer could say', async (t) => {
  for (const text of [
    undefined,
    '',
    '{',
    'null',
    '[]',
    '7',
    '{"a":null}',
    '{"a":{"keys":1}}',
    '{"a":{"keys":[]}}',
    JSON.stringify({ a: { keys: [PRIVATE] } }),
    JSON.stringify({ a: { keys: [{ kty: 'oct', k: 'c2VjcmV0' }] } }),
    `{"a":${setOf(PUBLIC)},"b":"${'x'.repeat(MOST_KEPT_BYTES)}"}`,
  ])
    t.equal(readKeptKeys(text).size, 0, text?.slice(0, 40) ?? 'nothing')
})

t.test('a file has them for the next start, whatever became of it', async (t) => {
  const directory = t.testdir({})
  const keys = new Watched<KeysBySource>(new Map())
  const stop = keepInDirectory(directory, keys, silentLogger)
  t.same(readdirSync(directory), [], 'none, and no file')
  keys.set(new Map([['uri https://a/', known(setOf(PUBLIC))]]))
  t.same([...keptInDirectory(directory).keys()], ['uri https://a/'])
  t.same(readdirSync(directory), ['token-keys.json'])
  stop()
  keys.set(new Map())
  t.equal(keptInDirectory(directory).size, 1, 'until it is stopped')
  keepInDirectory(directory, keys, silentLogger)()
  t.equal(keptInDirectory(directory).size, 0)

  writeFileSync(join(directory, 'token-keys.json'), 'x'.repeat(MOST_KEPT_BYTES + 1))
  t.equal(keptInDirectory(directory).size, 0, 'too long')
  t.equal(keptInDirectory(join(directory, 'none')).size, 0)
  const lines: string[] = []
  const file = join(directory, 'file')
  mkdirSync(file)
  mkdirSync(join(file, 'token-keys.json'))
  chmodSync(file, 0o700)
  keys.set(new Map([['uri https://a/', known(setOf(PUBLIC))]]))
  keepInDirectory(
    file,
    keys,
    createLogger('test', 'info', (line) => lines.push(line)),
  )()
  t.match(lines.join(''), /could not be kept for the next start/)
})
