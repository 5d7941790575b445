package local_cloud;

import java.io.ByteArrayInputStream;
import java.io.EOFException;
import java.io.File;
import java.io.FileInputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.Proxy;
import java.net.URL;
import java.net.URLDecoder;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import org.apache.hadoop.security.AccessControlException;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;
import org.xml.sax.SAXException;

/** The S3 requests that a file system needs, for one bucket. */
class S3Client {
  private static final int BATCH_KEYS = 1000;
  private static final int ATTEMPTS = 4;

  private final String endpoint;
  private final String bucket;
  private final S3Signer signer;

  S3Client(String endpoint, String bucket, S3Signer signer) {
    this.endpoint = endpoint;
    this.bucket = bucket;
    this.signer = signer;
  }

  void headBucket() throws IOException {
    call("HEAD", "", new TreeMap(), new TreeMap(), null);
  }

  /** The object, or null when there is none. */
  S3Entry head(String key) throws IOException {
    Answer answer = callOrNull("HEAD", key, new TreeMap(), new TreeMap(), null);
    if (answer == null) {
      return null;
    }
    ZonedDateTime modified =
        ZonedDateTime.parse(answer.modified, DateTimeFormatter.RFC_1123_DATE_TIME);
    return new S3Entry(key, answer.length, modified.toInstant().toEpochMilli());
  }

  /** Bytes `from` (included) to `to` (excluded) of an object. */
  byte[] get(String key, long from, long to) throws IOException {
    Map headers = new TreeMap();
    headers.put("range", "bytes=" + from + "-" + (to - 1));
    return call("GET", key, new TreeMap(), headers, null).body;
  }

  void put(String key, File file) throws IOException {
    call("PUT", key, new TreeMap(), new TreeMap(), file);
  }

  void copy(String from, String to) throws IOException {
    Map headers = new TreeMap();
    headers.put("x-amz-copy-source", "/" + bucket + "/" + S3Signer.encode(from, true));
    call("PUT", to, new TreeMap(), headers, null);
  }

  void delete(String key) throws IOException {
    call("DELETE", key, new TreeMap(), new TreeMap(), null);
  }

  void delete(List keys) throws IOException {
    for (int start = 0; start < keys.size(); start += BATCH_KEYS) {
      StringBuilder xml = new StringBuilder("<Delete><Quiet>true</Quiet>");
      for (int i = start; i < Math.min(start + BATCH_KEYS, keys.size()); i++) {
        xml.append("<Object><Key>").append(escape((String) keys.get(i))).append("</Key></Object>");
      }
      byte[] body = xml.append("</Delete>").toString().getBytes("UTF-8");
      Map headers = new TreeMap();
      headers.put("content-md5", Base64.getEncoder().encodeToString(S3Signer.digest("MD5", body)));
      Map query = new TreeMap();
      query.put("delete", "");
      Element answer = call("POST", "", query, headers, body).document();
      NodeList errors = answer.getElementsByTagName("Error");
      if (errors.getLength() > 0) {
        Element first = (Element) errors.item(0);
        throw new IOException("not deleted: " + text(first, "Key") + ": " + text(first, "Message"));
      }
    }
  }

  boolean isAnyUnder(String prefix) throws IOException {
    Map query = new TreeMap();
    query.put("list-type", "2");
    query.put("max-keys", "1");
    query.put("prefix", prefix);
    Element page = call("GET", "", query, new TreeMap(), null).document();
    return page.getElementsByTagName("Key").getLength() > 0;
  }

  /** Every `S3Entry` under a prefix, with deeper ones folded into prefixes if `oneLevel`. */
  List list(String prefix, boolean oneLevel) throws IOException {
    List entries = new ArrayList();
    Map query = new TreeMap();
    query.put("encoding-type", "url");
    query.put("list-type", "2");
    query.put("prefix", prefix);
    if (oneLevel) {
      query.put("delimiter", "/");
    }
    while (true) {
      Element page = call("GET", "", query, new TreeMap(), null).document();
      NodeList objects = page.getElementsByTagName("Contents");
      for (int i = 0; i < objects.getLength(); i++) {
        Element object = (Element) objects.item(i);
        entries.add(new S3Entry(
            URLDecoder.decode(text(object, "Key"), "UTF-8"),
            Long.parseLong(text(object, "Size")),
            Instant.parse(text(object, "LastModified")).toEpochMilli()));
      }
      NodeList prefixes = page.getElementsByTagName("CommonPrefixes");
      for (int i = 0; i < prefixes.getLength(); i++) {
        String name = text((Element) prefixes.item(i), "Prefix");
        entries.add(new S3Entry(URLDecoder.decode(name, "UTF-8"), 0, 0));
      }
      if (!"true".equals(text(page, "IsTruncated"))) {
        return entries;
      }
      query.put("continuation-token", text(page, "NextContinuationToken"));
    }
  }

  private Answer call(String method, String key, Map query, Map headers, Object body)
      throws IOException {
    Answer answer = callOrNull(method, key, query, headers, body);
    if (answer == null) {
      throw new FileNotFoundException("No such bucket or object: " + name(key));
    }
    return answer;
  }

  /** One request, repeated when the connection or the service fails; null for a 404. */
  private Answer callOrNull(String method, String key, Map query, Map headers, Object body)
      throws IOException {
    for (int attempt = 1; ; attempt++) {
      IOException failure = null;
      try {
        Answer answer = send(method, key, query, headers, body);
        if (answer.status < 300) {
          return answer;
        }
        failure = new IOException(method + " " + name(key) + " was answered with status "
            + answer.status + ": " + new String(answer.body, "UTF-8"));
        if (answer.status == 404) {
          return null;
        }
        if (answer.status == 403) {
          attempt = ATTEMPTS;
          failure = new AccessControlException(failure.getMessage());
        } else if (answer.status < 500) {
          attempt = ATTEMPTS;
        }
      } catch (IOException error) {
        failure = error;
      }
      if (attempt >= ATTEMPTS) {
        throw failure;
      }
      try {
        Thread.sleep(100L << attempt);
      } catch (InterruptedException interrupted) {
        Thread.currentThread().interrupt();
        throw failure;
      }
    }
  }

  private Answer send(String method, String key, Map query, Map headers, Object body)
      throws IOException {
    String path = "/" + bucket + (key.isEmpty() ? "" : "/" + S3Signer.encode(key, true));
    String search = S3Signer.encode(query);
    URL url = new URL(endpoint + path + (search.isEmpty() ? "" : "?" + search));
    HttpURLConnection connection = (HttpURLConnection) url.openConnection(Proxy.NO_PROXY);
    connection.setRequestMethod(method);
    connection.setConnectTimeout(10000);
    connection.setReadTimeout(120000);
    boolean sends = method.equals("PUT") || body != null;
    if (sends) { // else Java says it is a form
      headers.put("content-type", "application/octet-stream");
    }
    Map signed = signer.sign(method, url.getAuthority(), path, search, headers);
    for (Iterator each = signed.entrySet().iterator(); each.hasNext(); ) {
      Map.Entry header = (Map.Entry) each.next();
      connection.setRequestProperty((String) header.getKey(), (String) header.getValue());
    }
    if (sends) {
      write(connection, body);
    }
    return new Answer(connection, method);
  }

  private static void write(HttpURLConnection connection, Object body) throws IOException {
    connection.setDoOutput(true);
    if (body instanceof File) {
      File file = (File) body;
      connection.setFixedLengthStreamingMode(file.length());
      OutputStream output = connection.getOutputStream();
      FileInputStream input = new FileInputStream(file);
      try {
        input.transferTo(output);
      } finally {
        input.close();
      }
      output.close();
      return;
    }
    byte[] bytes = body == null ? new byte[0] : (byte[]) body;
    connection.setFixedLengthStreamingMode(bytes.length);
    OutputStream output = connection.getOutputStream();
    output.write(bytes);
    output.close();
  }

  private String name(String key) {
    return "s3://" + bucket + "/" + key;
  }

  private static String escape(String text) {
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
  }

  private static String text(Element parent, String name) {
    NodeList found = parent.getElementsByTagName(name);
    return found.getLength() == 0 ? "" : found.item(0).getTextContent();
  }

  private static class Answer {
    final int status;
    final long length;
    final String modified;
    final byte[] body;

    Answer(HttpURLConnection connection, String method) throws IOException {
      status = connection.getResponseCode();
      length = connection.getContentLengthLong();
      modified = connection.getHeaderField("Last-Modified");
      InputStream input =
          status < 400 ? connection.getInputStream() : connection.getErrorStream();
      boolean empty = input == null || method.equals("HEAD");
      body = empty ? new byte[0] : input.readAllBytes();
      if (!empty && body.length < length) {
        throw new EOFException("the answer ended after " + body.length + " of " + length);
      }
      if (input != null) {
        input.close();
      }
    }

    Element document() throws IOException {
      try {
        return DocumentBuilderFactory.newInstance()
            .newDocumentBuilder().parse(new ByteArrayInputStream(body)).getDocumentElement();
      } catch (ParserConfigurationException error) {
        throw new IOException(error);
      } catch (SAXException error) {
        throw new IOException(error);
      }
    }
  }
}
