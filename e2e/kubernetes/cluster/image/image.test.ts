import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { writeImages } from './image.ts'
import { folderFiles, layerOf, programFiles } from '../../../../release/image/root-files.ts'

const tar = (...args: string[]) => execFileSync('tar', args, { encoding: 'utf8' })

t.test('a layer is an archive that tar reads, with links, modes and parents before what is in them', (t) => {
  const folder = t.testdir({ 'run.sh': '#!/bin/sh\n', deep: { 'file.txt': 'text' } })
  symlinkSync('deep/file.txt', join(folder, 'link'))
  execFileSync('chmod', ['755', join(folder, 'run.sh')])
  const long = `/opt/${'d'.repeat(60)}/${'f'.repeat(70)}`
  const archive = join(t.testdirName, 'layer.tar')
  writeFileSync(archive, layerOf({ ...folderFiles('/app', folder), '/tmp/none': '', [long]: 'here' }))
  const listed = tar('--list', '--verbose', '--numeric-owner', '--file', archive)
  t.match(listed, /^drwxr-xr-x 0\/0 +0 1970-01-01 00:00 app\/\n/)
  t.match(listed, /-rwxr-xr-x .* app\/run\.sh\n/)
  t.match(listed, /lrwxrwxrwx .* app\/link -> deep\/file\.txt\n/)
  t.match(listed, /drwxrwxrwt .* tmp\/\n/)
  t.match(listed, new RegExp(`${long.slice(1)}\n`), 'a path of more than 100 bytes')
  t.equal(tar('--extract', '--to-stdout', '--file', archive, 'app/deep/file.txt'), 'text')
  t.throws(() => layerOf({ [`/${'x'.repeat(101)}`]: '' }), /too long for a ustar archive/)
  t.end()
})

t.test('a program comes with the libraries that it is linked with, and runs with them alone', (t) => {
  const root = join(t.testdir({ root: {} }), 'root')
  const archive = join(t.testdirName, 'layer.tar')
  writeFileSync(archive, layerOf(programFiles('/opt/true', '/bin/true')))
  tar('--extract', '--directory', root, '--file', archive)
  const linker = execFileSync('find', [root, '-name', 'ld-linux*', '-type', 'f'], { encoding: 'utf8' }).trim()
  t.not(linker, '')
  const libraries = execFileSync('find', [root, '-name', 'lib*.so*', '-printf', '%h\n'], { encoding: 'utf8' })
  const path = [...new Set(libraries.trim().split('\n'))].join(':')
  execFileSync(linker, ['--library-path', path, '--inhibit-cache', join(root, 'opt/true')])
  t.end()
})

t.test('what images share is in their archive once', (t) => {
  const folder = t.testdir({})
  mkdirSync(join(folder, 'out'))
  const archive = join(folder, 'images.tar')
  const shared = { '/shared': 'x'.repeat(5000) }
  const image = (name: string) => ({ layers: [shared, { [`/${name}`]: name }], entrypoint: [`/${name}`] })
  writeImages(archive, { 'weft-proxy:1': image('a'), 'weft.dev/demo:v1': image('b') })
  tar('--extract', '--directory', join(folder, 'out'), '--file', archive)
  const read = (path: string) => JSON.parse(readFileSync(join(folder, 'out', path), 'utf8'))
  const blob = ({ digest }: { digest: string }) => read(`blobs/${digest.replace(':', '/')}`)
  const { manifests } = read('index.json')
  t.same(
    manifests.map((one: { annotations: object }) => Object.values(one.annotations)[0]),
    ['docker.io/library/weft-proxy:1', 'weft.dev/demo:v1'],
    'names as containerd keeps them',
  )
  const [first, second] = manifests.map(blob)
  t.equal(first.layers[0].digest, second.layers[0].digest)
  t.not(first.layers[1].digest, second.layers[1].digest)
  t.same(blob(first.config).config.Entrypoint, ['/a'])
  const bytes = tar('--list', '--verbose', '--file', archive)
    .split('\n')
    .filter((line) => /blobs/.test(line))
  t.equal(bytes.length, 7, 'two manifests, two configurations, three layers')
  t.end()
})
