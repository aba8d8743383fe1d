import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bundle } from '../../cli/bundle.ts'
import { CNI_PLUGIN } from '../../core/contract.ts'
import { shippedPrograms } from '../../injector/cni/node-daemon.ts'
import { installProgram, type NodeFolders } from '../../injector/cni/node-program.ts'

/** What the plugin answered. */
export interface PluginResult {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface PluginCall {
  readonly command: string
  /** Path of a network namespace. */
  readonly netns?: string
  /** Of the pod, as a runtime hands them over. */
  readonly annotations?: Readonly<Record<string, string>>
}

/** What plugins before it made of a pod's network. */
export const PREVIOUS_RESULT = {
  cniVersion: '1.0.0',
  interfaces: [{ name: 'eth0', sandbox: '/run/netns/pod' }],
  ips: [{ address: '10.77.0.2/24', interface: 0 }],
}

/** The plugin as weft-cni puts it on a node, of this tree's bundle and this machine's programs, in folders of its own. */
export class InstalledPlugin {
  readonly folders: NodeFolders
  readonly #work: string

  private constructor(work: string) {
    this.#work = work
    this.folders = { bin: join(work, 'bin'), state: join(work, 'state') }
  }

  static async install(): Promise<InstalledPlugin> {
    const work = mkdtempSync(join(tmpdir(), 'weft-cni-'))
    const installed = new InstalledPlugin(work)
    mkdirSync(installed.folders.state)
    const { path } = await bundle('cni', { into: join(work, 'dist') })
    installProgram(installed.folders, shippedPrograms(process.execPath, path), '0.0.0')
    return installed
  }

  /** Path of the program that runtimes call. */
  get program(): string {
    return join(this.folders.bin, CNI_PLUGIN)
  }

  /** Calls it as a runtime does: nothing in its environment but what the specification says. */
  call(one: PluginCall): Promise<PluginResult> {
    return answerOf(spawn(this.program, [], { env: environmentOf(one), stdio: 'pipe' }), inputOf(one))
  }

  remove(): void {
    rmSync(this.#work, { recursive: true, force: true })
  }
}

/** CNI specification 1.1, section "Parameters". */
export function environmentOf({ command, netns = '' }: PluginCall): Record<string, string> {
  return {
    PATH: '/usr/bin:/bin',
    CNI_COMMAND: command,
    CNI_CONTAINERID: 'pod-1',
    CNI_NETNS: netns,
    CNI_IFNAME: 'eth0',
    CNI_ARGS: 'IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-1',
    CNI_PATH: '/opt/cni/bin',
  }
}

export function inputOf({ annotations = {} }: PluginCall): string {
  return JSON.stringify({
    cniVersion: '1.0.0',
    name: 'pods',
    type: CNI_PLUGIN,
    runtimeConfig: { 'io.kubernetes.cri.pod-annotations': annotations },
    prevResult: PREVIOUS_RESULT,
  })
}

function answerOf(child: ReturnType<typeof spawn>, input: string): Promise<PluginResult> {
  const { promise, resolve, reject } = Promise.withResolvers<PluginResult>()
  let [stdout, stderr] = ['', '']
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  child.on('error', reject)
  child.on('close', (code) => resolve({ code, stdout, stderr }))
  // It may end without reading.
  child.stdin?.on('error', () => {})
  child.stdin?.end(input)
  return promise
}
