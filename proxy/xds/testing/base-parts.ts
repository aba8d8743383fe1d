import type { AnyValue } from '../../../core/xds/any.ts'
import type { MessageType } from '../../../core/xds/codec.ts'
import type { ConfigSource } from '../../../core/xds/generated/envoy.js'
import { typeUrl } from '../../../core/xds/type-urls.ts'
import { newRoot, secretsOf } from '../../testing/mesh-identity.ts'

export const ADS: ConfigSource = { ads: {}, resourceApiVersion: 'V3' }
export const { certificatePem, privateKeyPem, bundlePem } = secretsOf(newRoot(), 'base')

export const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text))

export function any<T extends object>(type: MessageType<T>, message: T): AnyValue {
  return { typeUrl: typeUrl(type), unpacked: { type, message } }
}

export function address(portValue: number) {
  return { socketAddress: { protocol: 'TCP', address: '127.0.0.1', portValue } } as const
}
