import { execFileSync } from 'node:child_process'
import { lstatSync, mkdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ARCHITECTURES } from './architecture.ts'
import { closureOf } from './closure.ts'
import { readElf } from './elf.ts'

const SCRIPT = join(import.meta.dirname, '../../deploy/docker/closure.sh')
const own = ARCHITECTURES.find(({ node }) => node === process.arch)
const debian = own !== undefined && lstatSync(`/lib/${own.triplet}`, { throwIfNoEntry: false }) !== undefined
const skip = debian ? false : 'the libraries of this machine are not where Debian has them'

t.test('what is read of programs is what closure.sh has ldd say', { skip }, (t) => {
  if (!own) return t.end()
  // Node.js has most libraries; tar is found by either name of its folder; a folder has more than one file.
  const given = [process.execPath, '/bin/tar', '/usr/share/base-files']
  const root = t.testdir()
  execFileSync('sh', [SCRIPT, root, ...given], { stdio: ['ignore', 'ignore', 'inherit'] })
  const files = closureOf(`sh /closure.sh /root-files ${given.join(' ')}`, '/', own)
  const listed = execFileSync('find', ['.', '(', '-type', 'f', '-o', '-type', 'l', ')'], {
    cwd: root,
    encoding: 'utf8',
  })
  const expected = listed
    .trim()
    .split('\n')
    .map((path) => path.slice(1))
  t.same(
    Object.keys(files)
      .filter((path) => path !== '/tmp')
      .toSorted(),
    expected.toSorted(),
  )
  for (const [path, file] of Object.entries(files)) {
    if (typeof file === 'string') t.equal(file, readFileSync(join(root, path), 'utf8'), path)
    else if ('link' in file) t.equal(file.link, readlinkSync(join(root, path)), path)
    else if ('directory' in file) t.equal(file.directory, lstatSync(join(root, path)).mode & 0o7777, path)
  }
  return t.end()
})

t.test('links are followed inside the root, and what lacks is named', (t) => {
  const [architecture] = ARCHITECTURES
  if (!architecture) return t.end()
  const root = t.testdir({ etc: {}, usr: { lib: {}, share: { a: { 'one.txt': '1', 'two.txt': '2' } } } })
  symlinkSync('usr/lib', join(root, 'lib'))
  symlinkSync('/usr/share/a', join(root, 'etc/links'))
  mkdirSync(join(root, 'usr/bin'))
  const files = (pattern: string) => closureOf(`sh /closure.sh /root-files ${pattern}`, root, architecture)
  t.match(files('/etc/links'), {
    '/etc/links/one.txt': { link: '/usr/share/a/one.txt' },
    '/usr/share/a/one.txt': { from: join(root, 'usr/share/a/one.txt') },
    '/etc/passwd': /^root:/,
  })
  t.throws(() => files('/usr/bin/none'), { message: 'there is no /usr/bin/none in the files of an image' })
  symlinkSync('loop', join(root, 'usr/bin/loop'))
  t.throws(() => files('/usr/bin/loop'), /loop is not among the files/)
  writeFileSync(join(root, 'usr/bin/node'), readFileSync(process.execPath))
  t.throws(() => files('/usr/bin/node'), /is not among the files|which no package has brought/)
  return t.end()
})

t.test('what is no linked program needs nothing', (t) => {
  for (const file of ['', 'text', '\x7fELF'.padEnd(64, '\0')])
    t.equal(readElf(Buffer.from(file, 'latin1')), undefined)
  const node = readElf(readFileSync(process.execPath))
  t.ok(node?.needed.includes('libc.so.6'))
  t.end()
})
