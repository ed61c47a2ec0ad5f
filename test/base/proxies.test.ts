import test from 'ava';
import {proxyFor} from '../../engine/base/proxies.js';

const both = {http_proxy: 'http://plain:1', https_proxy: 'http://secure:2'};

const through = test.macro<[string, Readonly<Record<string, string>>, string | undefined]>({
  exec(t, url, environment, expected) {
    t.is(proxyFor(new URL(url), environment)?.origin, expected);
  },
  title: (_, url, environment, expected) =>
    `${url} goes ${expected === undefined ? 'straight' : `through ${expected}`} with ${JSON.stringify(environment)}`,
});

test(through, 'http://a.example/', {}, undefined);
test(through, 'http://a.example/', both, 'http://plain:1');
test(through, 'https://a.example/', both, 'http://secure:2');
test(through, 'https://a.example/', {http_proxy: 'http://plain:1'}, undefined);
test(through, 'https://a.example/', {HTTPS_PROXY: 'http://secure:2'}, 'http://secure:2');
test(through, 'https://a.example/', {https_proxy: 'secure:2'}, 'http://secure:2');
test(through, 'https://a.example/', {https_proxy: ' '}, undefined);
for (const host of ['localhost:5000', '127.0.0.1:5000', '127.9.9.9', '[::1]:5000']) {
  test(through, `http://${host}/`, both, undefined);
}

const excluded = test.macro<[string, string, boolean]>({
  exec(t, list, url, straight) {
    t.is(proxyFor(new URL(url), {...both, NO_PROXY: list}) === undefined, straight);
  },
  title: (_, list, url, straight) => `no_proxy=${list} ${straight ? 'has' : 'does not have'} ${url}`,
});
test(excluded, '*', 'https://a.example/', true);
test(excluded, 'a.example', 'https://a.example/', true);
test(excluded, 'A.Example', 'https://a.EXAMPLE/', true);
test(excluded, 'example', 'https://a.example/', true);
test(excluded, '.example', 'https://a.example/', true);
test(excluded, '*.example', 'https://a.example/', true);
test(excluded, 'ample', 'https://a.example/', false);
test(excluded, 'other, a.example', 'https://a.example/', true);
test(excluded, 'other a.example', 'https://a.example/', true);
test(excluded, 'a.example:443', 'https://a.example/', true);
test(excluded, 'a.example:443', 'https://a.example:5000/', false);
test(excluded, 'a.example:5000', 'http://a.example:5000/', true);
test(excluded, 'a.example:80', 'http://a.example/', true);
test(excluded, '10.0.0.0/8', 'https://10.200.3.4:5000/', true);
test(excluded, '10.0.0.0/8', 'https://11.0.0.1/', false);
test(excluded, '10.0.0.0/99', 'https://10.0.0.1/', false);
test(excluded, '10.1.2.3', 'https://10.1.2.3/', true);
test(excluded, 'fd00::/8', 'https://[fd12::1]:5000/', true);
test(excluded, 'fd12::1', 'https://[fd12::1]/', true);
test(excluded, '[fd12::1]:5000', 'https://[fd12::1]:5000/', true);
test(excluded, '[fd12::1]:5000', 'https://[fd12::1]/', false);
test(excluded, ',, ,', 'https://a.example/', false);

test('a proxy that is no URL is an error that does not show it', (t) => {
  const error = t.throws(() => proxyFor(new URL('https://a.example/'), {https_proxy: 'http://user:pass word@:x'}), {
    code: 'CONFIG_INVALID',
  });
  t.regex(error.message, /^https_proxy is not/);
  t.notRegex(error.message, /pass/);
});
