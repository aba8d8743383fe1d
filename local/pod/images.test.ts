import t from 'tap'
import { borrowedNote, resolveImage } from './images.ts'

const folders = new Map([
  ['shop/web', '/folders/web'],
  ['shop/web:v2', '/folders/web-2'],
])
const has = (program: string) => program === 'node'

function container(image: string, command?: readonly string[], mount?: string) {
  const mounts = mount === undefined ? [] : [{ volume: 'v', path: mount, subPath: undefined, readOnly: true }]
  return { image, command, args: [], mounts }
}

t.test('a folder by the full name, then by the name without tag or digest', async (t) => {
  for (const [image, directory] of [
    ['shop/web', '/folders/web'],
    ['shop/web:v1', '/folders/web'],
    ['shop/web:v2', '/folders/web-2'],
    ['shop/web@sha256:00', '/folders/web'],
  ] as const) {
    const found = resolveImage(container(image, ['./server']), folders, has)
    t.match(found, { directory, workingDirectory: '/app', borrowed: false }, image)
  }
  t.throws(() => resolveImage(container('shop/web'), folders, has), { code: 'local.no_command' })
})

t.test('without a folder: a program of the machine runs, and it is said', async (t) => {
  const own = container('registry:5000/node:26', ['node', '/scripts/server.js'])
  const image = resolveImage(own, folders, has)
  t.match(image, { directory: undefined, workingDirectory: '/', borrowed: true })
  t.match(borrowedNote(image, own), /own `node`.*--image registry:5000\/node=FOLDER/)
  const script = container('node', ['/scripts/run.sh'], '/scripts')
  t.match(resolveImage(script, folders, has), { borrowed: true }, 'a program of a volume')
})

t.test('without a folder and a program there is nothing to run, and the remedy is named', async (t) => {
  for (const command of [undefined, ['nginx'], ['/scripts-other/run.sh']]) {
    t.throws(() => resolveImage(container('nginx:1.29', command, '/scripts'), folders, has), {
      code: 'local.unknown_image',
      message: /image `nginx:1.29`.*--image nginx=FOLDER/,
    })
  }
})
