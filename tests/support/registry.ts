/**
 * A registry with one tiny image, of which a new version comes with each push: what pulling asks for, and nothing else. Docker takes one on
 * the loopback address without TLS; podman wants it to be said in a file of the machine.
 */
import { createHash, randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { pack } from 'tar-stream'

export interface Registry {
  /** `127.0.0.1:PORT/pause:1`. */
  readonly image: string
  /** Puts another image under the name, which waits for ever when it runs, and gives its id. */
  push(word: string): Promise<string>
  close(): Promise<void>
}

interface Blob {
  readonly digest: string
  readonly body: Buffer
}

const manifestType = 'application/vnd.docker.distribution.manifest.v2+json'

export async function startRegistry(): Promise<Registry> {
  const blobs = new Map<string, Buffer>()
  let manifest: Blob | undefined
  const server = createServer(({ url = '' }, response) => {
    const [, kind, name = ''] = /^\/v2\/pause\/(manifests|blobs)\/(.*)$/.exec(url) ?? []
    const body = kind === 'manifests' ? manifest?.body : blobs.get(name)
    if (url !== '/v2/' && body === undefined) return void response.writeHead(404).end()
    const digest = kind === 'manifests' ? manifest?.digest : name
    response.writeHead(200, {
      'Content-Type': kind === 'manifests' ? manifestType : 'application/octet-stream',
      'Content-Length': body?.length ?? 0,
      ...(digest === undefined ? {} : { 'Docker-Content-Digest': digest }),
    })
    response.end(body)
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  const keep = (body: Buffer): Blob => {
    const blob = blobOf(body)
    blobs.set(blob.digest, body)
    return blob
  }
  return {
    image: `127.0.0.1:${String(port)}/pause:1`,
    async push(word) {
      // Nobody has it yet, so that all of it is pulled.
      const tar = await archive(`${word} ${String(port)}`)
      const layer = keep(gzipSync(tar))
      const config = keep(Buffer.from(JSON.stringify(configOf(word, blobOf(tar).digest))))
      const text = JSON.stringify({
        schemaVersion: 2,
        mediaType: manifestType,
        config: descriptor('application/vnd.docker.container.image.v1+json', config),
        layers: [descriptor('application/vnd.docker.image.rootfs.diff.tar.gzip', layer)],
      })
      manifest = blobOf(Buffer.from(text))
      return config.digest
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => {
          resolve()
        })
      }),
  }
}

function descriptor(mediaType: string, { body, digest }: Blob): object {
  return { mediaType, size: body.length, digest }
}

function blobOf(body: Buffer): Blob {
  return { body, digest: `sha256:${createHash('sha256').update(body).digest('hex')}` }
}

function configOf(word: string, layer: string): object {
  return {
    architecture: 'amd64',
    os: 'linux',
    config: { Entrypoint: ['/pause'], Labels: { word } },
    rootfs: { type: 'layers', diff_ids: [layer] },
    history: [{ created: '2026-01-01T00:00:00Z', created_by: word }],
  }
}

async function archive(text: string): Promise<Buffer> {
  const tar = pack()
  tar.entry({ name: 'word', mtime: new Date() }, `${text} ${randomUUID()}\n`)
  tar.entry({ name: 'pause', mode: 0o755, mtime: new Date(0) }, pauseProgram())
  tar.finalize()
  const chunks: Buffer[] = []
  for await (const chunk of tar) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

/** An executable for Linux on amd64 that calls `pause` again and again: header, one segment, ten bytes of code. */
function pauseProgram(): Buffer {
  // mov eax, 34; syscall; jmp back to the start
  const code = Buffer.from([0xb8, 0x22, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xf7])
  const base = 0x400000n
  const [headerSize, segmentSize] = [64, 56]
  const start = headerSize + segmentSize
  const file = Buffer.alloc(start + code.length)
  Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]).copy(file)
  file.writeUInt16LE(2, 16)
  file.writeUInt16LE(0x3e, 18)
  file.writeUInt32LE(1, 20)
  file.writeBigUInt64LE(base + BigInt(start), 24)
  file.writeBigUInt64LE(BigInt(headerSize), 32)
  file.writeUInt16LE(headerSize, 52)
  file.writeUInt16LE(segmentSize, 54)
  file.writeUInt16LE(1, 56)
  file.writeUInt32LE(1, headerSize)
  file.writeUInt32LE(5, headerSize + 4)
  file.writeBigUInt64LE(base, headerSize + 16)
  file.writeBigUInt64LE(base, headerSize + 24)
  file.writeBigUInt64LE(BigInt(file.length), headerSize + 32)
  file.writeBigUInt64LE(BigInt(file.length), headerSize + 40)
  file.writeBigUInt64LE(0x1000n, headerSize + 48)
  code.copy(file, start)
  return file
}
