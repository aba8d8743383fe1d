import { cp, mkdir, readlink, symlink, writeFile, lstat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { mustRun } from '../node/run-command.ts'

export interface ContainerRootOptions {
  /** Directory on a tmpfs of the node's own mount namespace. */
  readonly path: string
  /** The project, or the folder of a bundle: visible at /opt/weft. */
  readonly project: string
  /** Its packages: visible at /node_modules. */
  readonly packages: string
  /** The Node.js binary: visible as /opt/node/bin/node. */
  readonly nodeBinary: string
}

export const CONTAINER_PATH = '/opt/node/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
export const COMPILE_CACHE = '/var/cache/node'

/** What programs need of the machine's /etc; nothing of it is secret. */
const ETC = [
  'alternatives',
  'ca-certificates',
  'ca-certificates.conf',
  'gai.conf',
  'group',
  'host.conf',
  'ld.so.cache',
  'ld.so.conf',
  'ld.so.conf.d',
  'localtime',
  'mime.types',
  'nsswitch.conf',
  'os-release',
  'passwd',
  'protocols',
  'services',
  'ssl/certs',
  'ssl/openssl.cnf',
  'timezone',
  'debian_version',
  'iproute2',
  'ethertypes',
  'xtables.conf',
]

/**
 * The root that every container sees: the machine's programs, read-only, and nothing of its homes, /etc,
 * /var and /run. Containers get it by one recursive bind mount. In the base, /app, /tmp and /run are
 * empty places to mount on.
 */
export async function prepareContainerRoot(options: ContainerRootOptions): Promise<void> {
  const root = options.path
  await mkdir(root, { recursive: true })
  await mustRun(['mount', '-t', 'tmpfs', '-o', 'mode=755', 'weft-root', root])
  const places = ['app', 'dev', 'proc', 'sys', 'tmp', 'run', 'etc', 'usr', 'root', 'opt/weft', 'opt/node/bin']
  for (const place of [...places, 'node_modules', 'var/tmp', 'var/lib', COMPILE_CACHE.slice(1)]) {
    await mkdir(join(root, place), { recursive: true })
  }
  await symlink('/run', join(root, 'var/run'))
  for (const place of ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32']) {
    const target = await readlink(`/${place}`).catch(() => undefined)
    if (target !== undefined) await symlink(target, join(root, place))
    else if (await exists(`/${place}`)) {
      await mkdir(join(root, place))
      await bind(`/${place}`, join(root, place), true)
    }
  }
  await bind('/usr', join(root, 'usr'), true)
  await bind('/dev', join(root, 'dev'), false)
  await bind('/proc', join(root, 'proc'), false)
  await bind('/sys', join(root, 'sys'), false)
  await bind(options.project, join(root, 'opt/weft'), true)
  await bind(options.packages, join(root, 'node_modules'), true)
  await writeFile(join(root, 'opt/node/bin/node'), '')
  await bind(options.nodeBinary, join(root, 'opt/node/bin/node'), true)
  await mustRun(['chmod', '1777', join(root, COMPILE_CACHE), join(root, 'tmp'), join(root, 'var/tmp')])
  await mustRun(['chmod', '777', join(root, 'run')])
  for (const entry of ETC) {
    const source = join('/etc', entry)
    if (!(await exists(source))) continue
    const target = join(root, 'etc', entry)
    await mkdir(dirname(target), { recursive: true })
    await cp(source, target, { recursive: true, verbatimSymlinks: true }).catch(() => {})
  }
  for (const file of ['hosts', 'resolv.conf', 'hostname']) await writeFile(join(root, 'etc', file), '')
}

async function bind(source: string, target: string, readOnly: boolean): Promise<void> {
  await mustRun(['mount', '--rbind', source, target])
  if (!readOnly) return
  // A user namespace may not change some mounts that it inherited; the machine's own modes then guard them.
  await mustRun(['mount', '-o', 'remount,bind,ro', target]).catch(() => {})
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  )
}
