/** Short names that are official images: a stage of a similar name does not make them a slip of the pen. */
export const knownImages: ReadonlySet<string> = new Set(
  (
    'adminer almalinux alpine alt amazoncorretto amazonlinux archlinux bash buildpack-deps busybox caddy cassandra ' +
    'centos clearlinux clojure composer consul couchbase couchdb dart debian docker drupal eclipse-temurin elasticsearch ' +
    'elixir erlang fedora gcc ghost golang gradle groovy haproxy haskell haxe hello-world httpd influxdb jenkins jetty ' +
    'joomla jruby julia kibana kong logstash mariadb matomo maven memcached mongo mysql nats neo4j nextcloud nginx node ' +
    'openjdk oraclelinux perl photon php postgres pypy python rabbitmq r-base redis redmine registry rockylinux ruby ' +
    'rust sapmachine scratch solr sonarqube spark swift telegraf tomcat traefik ubuntu unit varnish vault wordpress ' +
    'zookeeper'
  ).split(' '),
);
