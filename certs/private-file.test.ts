import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { createPrivateFile, replacePrivateFile } from './private-file.ts'

const MODULE = fileURLToPath(new URL('private-file.ts', import.meta.url))

t.test('replaces as a whole, for the owner only', async (t) => {
  const path = join(t.testdir(), 'key')
  replacePrivateFile(path, 'one')
  replacePrivateFile(path, 'two')
  t.equal(readFileSync(path, 'utf8'), 'two')
  t.equal(statSync(path).mode & 0o777, 0o600)
  t.notOk(createPrivateFile(path, 'three'))
  t.equal(readFileSync(path, 'utf8'), 'two')
})

t.test('where there is not enough room, the file before stays and nothing is left beside it', async (t) => {
  const folder = t.testdir({ key: 'good' })
  const path = join(folder, 'key')
  const script = `
    import { createPrivateFile, replacePrivateFile } from ${JSON.stringify(MODULE)}
    for (const write of [replacePrivateFile, createPrivateFile])
      try {
        write(process.argv[1] + (write === createPrivateFile ? '-new' : ''), 'x'.repeat(5000))
        console.log('written')
      } catch (error) {
        console.log(error.code, error.message.replace(process.argv[1], ''))
      }`
  // A limit on the size of files: like a file system that is nearly full, the kernel takes a part of a write, and
  // refuses only the next.
  const inside = [
    '-c',
    'ulimit -f 1 && exec "$@"',
    'sh',
    process.execPath,
    '--input-type=module',
    '-e',
    script,
    path,
  ]
  const said = execFileSync('/bin/sh', inside, { encoding: 'utf8' })
  t.equal(said, 'file.write cannot write  (EFBIG)\nfile.write cannot write -new (EFBIG)\n')
  t.equal(readFileSync(path, 'utf8'), 'good')
  t.strictSame(readdirSync(folder), ['key'])
})
