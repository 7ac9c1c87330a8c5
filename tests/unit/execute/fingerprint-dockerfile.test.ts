import { describe, expect, test } from 'vitest'
import { readDockerfile } from '../../../src/execute/fingerprint/dockerfile.ts'

async function sources(text: string, target?: string): Promise<string[]> {
  const facts = await readDockerfile(text, { args: {}, target })
  return facts.sources.map(({ line, named, path }) => `${line}: ${path}${named ? '' : ' (any)'}`)
}

async function images(text: string, args: Record<string, string> = {}, target?: string): Promise<readonly string[]> {
  return (await readDockerfile(text, { args, target })).images
}

describe('the files that it reads', () => {
  test.each([
    ['COPY package.json ./', ['2: package.json']],
    ['copy --chown=1:1 --link /a/./b//c/ lib /app/', ['2: a/b/c', '2: lib']],
    ['COPY . /app', ['2: .']],
    ['COPY \\\n  src \\\n  # why\n  lib \\\n  /app/', ['2: src', '2: lib']],
    ['COPY ["a b", "c", "/x/"]', ['2: a b', '2: c']],
    ['COPY --chmod=755 [ "a b",\\\n "/x/" ]', ['2: a b']],
    ['COPY src/*.ts lib/?.js /app/', ['2: src/*.ts (any)', '2: lib/?.js (any)']],
    ['COPY a/../b ../up /app/', ['2: b', '2: ../up']],
    ['ADD https://example.com/x.tar git@github.com:foo/bar.git local.tar /x', ['2: local.tar']],
    ['COPY --from=0 /x /y', []],
    ['COPY <<EOF real /etc/\nCOPY text is-not-code /x\nEOF', ['2: real']],
    ['RUN --mount=type=bind,source=scripts,target=/s /s/run', ['2: scripts']],
    ['RUN --mount=target=/s --mount=type=cache,target=/c ls', ['2: .']],
    ['RUN --mount=type=bind,from=other,target=/s ls', []],
    ['RUN echo COPY a b', []],
  ])('%j', async (instruction, expected) => {
    expect(await sources(`FROM debian\n${instruction}\n`)).toEqual(expected)
  })

  test.each([
    'COPY ${DIR}/x /x',
    'COPY "my file" /x',
    'COPY a[0-9] /x',
    'COPY **/x /x',
    'COPY a\\ b /x',
    'COPY ["a", /x]',
  ])('%s cannot be told: it must stand for the whole context', async (instruction) => {
    expect(await sources(`FROM debian\n${instruction}\n`)).toEqual(['2: .'])
  })

  test('another frontend may read anything', async () => {
    expect(await sources('# syntax=example.com/own:1\nFROM debian\n')).toEqual(['1: .'])
    expect(await sources('# syntax=docker/dockerfile:1\nFROM debian\n')).toEqual([])
  })

  test('another escape character must be honoured', async () => {
    expect(await sources('# escape=`\nFROM debian\nCOPY a `\n b /x/\n')).toEqual(['3: a', '3: b'])
  })

  const stages =
    'FROM debian AS one\nCOPY a /\nFROM one AS two\nCOPY b /\nFROM debian AS three\nCOPY c /\nCOPY --from=TWO /b /\n'

  test.each([
    ['one', ['2: a']],
    ['two', ['2: a', '4: b']],
    ['three', ['2: a', '4: b', '6: c']],
    [undefined, ['2: a', '4: b', '6: c']],
  ])('only stages that %s needs must count', async (target, expected) => {
    expect(await sources(stages, target)).toEqual(expected)
  })

  test('a stage that nothing needs must not count', async () => {
    expect(await sources('FROM debian AS unused\nCOPY a /\nFROM debian\nCOPY b /\n')).toEqual(['4: b'])
  })

  test('what a stage leaves to its heirs must count', async () => {
    expect(await sources('FROM debian AS base\nONBUILD COPY a /\nFROM base\n')).toEqual(['2: .'])
  })
})

describe('the images that it starts from', () => {
  test.each([
    ['FROM docker.io/library/debian:trixie-slim', ['docker.io/library/debian:trixie-slim']],
    ['ARG V=17\nFROM --platform=linux/amd64 postgres:$V AS x', ['postgres:17']],
    ['ARG V\nFROM postgres:${V:-16}', ['postgres:16']],
    ['ARG R=shop\nARG I="${R}/base:1"\nFROM ${I}', ['shop/base:1']],
    ['ARG V\nFROM $V', []],
    ['FROM scratch', []],
    [
      'FROM debian AS Base\nFROM base\nCOPY --from=shop/tools /x /\nRUN --mount=from=shop/more,target=/m ls',
      ['debian', 'shop/more', 'shop/tools'],
    ],
    ['FROM debian\nCOPY --from=0 /x /y', ['debian']],
    ['FROM debian AS unused\nFROM alpine', ['alpine']],
    ['', []],
    ['this is not a Dockerfile', []],
  ])('%j', async (text, expected) => {
    expect(await images(text)).toEqual(expected)
  })

  test('an argument of the build must win over the default', async () => {
    expect(await images('ARG DEBIAN=debian:trixie\nFROM ${DEBIAN}', { DEBIAN: 'shop/debian' })).toEqual(['shop/debian'])
  })

  test('of other targets must not count', async () => {
    expect(await images('FROM debian AS one\nFROM alpine AS two', {}, 'one')).toEqual(['debian'])
  })
})
