import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import packageJson from '../../../package.json' with { type: 'json' }
import { bundle, NODE_FLAGS } from '../../../cli/bundle.ts'
import type { KubernetesCluster } from '../cluster/cluster.ts'
import type { ImageContent } from '../cluster/image/image.ts'
import { folderFiles, programFiles, type RootFiles } from '../cluster/image/root-files.ts'

export const VERSION = packageJson.version
const DEMO_IMAGE = 'weft.dev/demo:v1'

const NODE = '/usr/local/bin/node'
/** Bundles look for what lies beside them, the dashboard's page for one: see cli/bundle.ts. */
const ROOT = '/weft'
const STORY_APP = fileURLToPath(new URL('../story/app', import.meta.url))
const DEMO_APP = fileURLToPath(new URL('../../demo/app', import.meta.url))

/** Node as npm brought it with the machine's libraries, and the users of containers: below each of the images. */
function nodeLayer(): RootFiles {
  return {
    ...programFiles(NODE, process.execPath),
    '/etc/passwd':
      'root:x:0:0:root:/root:/sbin/nologin\nweft:x:1337:1337:weft:/:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/:/sbin/nologin\n',
    '/etc/group': 'root:x:0:\nweft:x:1337:\nnonroot:x:65532:\n',
    '/etc/nsswitch.conf': 'hosts: files dns\n',
  }
}

/** The programs that set rules, both backends, with the modules that they load by name. */
function iptablesLayer(): RootFiles {
  const files: Record<string, RootFiles[string]> = {}
  for (const backend of ['xtables-nft-multi', 'xtables-legacy-multi']) {
    Object.assign(files, programFiles(`/usr/sbin/${backend}`))
    const kind = backend.split('-')[1] as string
    for (const family of ['iptables', 'ip6tables'])
      for (const does of ['', '-save', '-restore']) {
        files[`/usr/sbin/${family}-${kind}${does}`] = { link: backend }
        if (kind === 'nft') files[`/usr/sbin/${family}${does}`] = { link: backend }
      }
  }
  const libxtables = Object.keys(files).find((path) => path.includes('/libxtables.so')) as string
  const modules = join(dirname(libxtables), 'xtables')
  return { ...files, ...folderFiles(modules, modules) }
}

/**
 * Gives the cluster the mesh's images and the demo's, of the very bundles that `npm run build` makes: Node with the
 * libraries that it needs, the bundle as the entrypoint, and nothing else; no shell.
 */
export async function loadMeshImages(cluster: KubernetesCluster): Promise<void> {
  const dist = mkdtempSync(join(tmpdir(), 'weft-images-'))
  const node = nodeLayer()
  const image = async (part: string, user: string, ...more: RootFiles[]): Promise<ImageContent> => {
    await bundle(part, dist)
    const folders = part === 'control-plane' ? [part, 'dashboard'] : [part]
    const own = folders.map((folder) => folderFiles(`${ROOT}/${folder}`, join(dist, folder)))
    const flags = part === 'proxy' ? NODE_FLAGS : []
    return {
      layers: [node, ...more, ...own],
      entrypoint: [NODE, ...flags, `${ROOT}/${part}/main.mjs`],
      user,
    }
  }
  try {
    await cluster.loadImages({
      [`weft-control-plane:${VERSION}`]: await image('control-plane', '65532:65532'),
      [`weft-injector:${VERSION}`]: await image('injector', '65532:65532'),
      [`weft-proxy:${VERSION}`]: await image('proxy', '1337:1337'),
      [`weft-init:${VERSION}`]: await image('init', '0:0', iptablesLayer()),
      [DEMO_IMAGE]: {
        layers: [node, folderFiles('/app', DEMO_APP), folderFiles('/app', STORY_APP)],
        workingDirectory: '/app',
      },
    })
  } finally {
    rmSync(dist, { recursive: true, force: true })
  }
}
