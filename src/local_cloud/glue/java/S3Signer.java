package local_cloud;

import java.io.IOException;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Iterator;
import java.util.Map;
import java.util.TreeMap;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/** AWS Signature Version 4 for S3, with an unsigned payload. */
class S3Signer {
  private static final String PAYLOAD = "UNSIGNED-PAYLOAD";

  private final String region;
  private final String accessKey;
  private final String secretKey;
  private final String sessionToken;

  S3Signer(String region, String accessKey, String secretKey, String sessionToken) {
    this.region = region;
    this.accessKey = accessKey;
    this.secretKey = secretKey;
    this.sessionToken = sessionToken;
  }

  /** The headers to send; `headers` have lower-case names. */
  Map sign(String method, String host, String path, String query, Map headers)
      throws IOException {
    String time = DateTimeFormatter.ofPattern("yyyyMMdd'T'HHmmss'Z'")
        .format(ZonedDateTime.now(ZoneOffset.UTC));
    TreeMap signed = new TreeMap(headers);
    signed.put("host", host);
    signed.put("x-amz-content-sha256", PAYLOAD);
    signed.put("x-amz-date", time);
    if (!sessionToken.isEmpty()) {
      signed.put("x-amz-security-token", sessionToken);
    }
    StringBuilder canonical = new StringBuilder();
    StringBuilder names = new StringBuilder();
    for (Iterator each = signed.entrySet().iterator(); each.hasNext(); ) {
      Map.Entry header = (Map.Entry) each.next();
      canonical.append(header.getKey()).append(':').append(header.getValue()).append('\n');
      names.append(names.length() == 0 ? "" : ";").append(header.getKey());
    }
    String request = method + "\n" + path + "\n" + query + "\n" + canonical + "\n" + names
        + "\n" + PAYLOAD;
    String scope = time.substring(0, 8) + "/" + region + "/s3/aws4_request";
    String text = "AWS4-HMAC-SHA256\n" + time + "\n" + scope + "\n"
        + hex(digest("SHA-256", request.getBytes("UTF-8")));
    byte[] key = hmac(("AWS4" + secretKey).getBytes("UTF-8"), time.substring(0, 8));
    byte[] signature = hmac(hmac(hmac(hmac(key, region), "s3"), "aws4_request"), text);
    signed.remove("host");
    signed.put("Authorization", "AWS4-HMAC-SHA256 Credential=" + accessKey + "/" + scope
        + ", SignedHeaders=" + names + ", Signature=" + hex(signature));
    return signed;
  }

  static byte[] digest(String algorithm, byte[] bytes) throws IOException {
    try {
      return MessageDigest.getInstance(algorithm).digest(bytes);
    } catch (GeneralSecurityException error) {
      throw new IOException(error);
    }
  }

  /** A query string; `query` is sorted by name, as the signature wants it. */
  static String encode(Map query) throws IOException {
    StringBuilder text = new StringBuilder();
    for (Iterator each = query.entrySet().iterator(); each.hasNext(); ) {
      Map.Entry entry = (Map.Entry) each.next();
      text.append(text.length() == 0 ? "" : "&").append(entry.getKey()).append('=')
          .append(encode((String) entry.getValue(), false));
    }
    return text.toString();
  }

  /** Percent-encoding as the signature wants it. */
  static String encode(String text, boolean keepSlashes) throws IOException {
    StringBuilder encoded = new StringBuilder();
    byte[] bytes = text.getBytes("UTF-8");
    for (int i = 0; i < bytes.length; i++) {
      char c = (char) (bytes[i] & 255);
      boolean plain = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
          || "-._~".indexOf(c) >= 0 || keepSlashes && c == '/';
      if (plain) {
        encoded.append(c);
      } else {
        encoded.append('%').append(hex(new byte[] {bytes[i]}).toUpperCase());
      }
    }
    return encoded.toString();
  }

  private static byte[] hmac(byte[] key, String text) throws IOException {
    try {
      Mac mac = Mac.getInstance("HmacSHA256");
      mac.init(new SecretKeySpec(key, "HmacSHA256"));
      return mac.doFinal(text.getBytes("UTF-8"));
    } catch (GeneralSecurityException error) {
      throw new IOException(error);
    }
  }

  private static String hex(byte[] bytes) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < bytes.length; i++) {
      text.append(Character.forDigit((bytes[i] >> 4) & 15, 16));
      text.append(Character.forDigit(bytes[i] & 15, 16));
    }
    return text.toString();
  }
}
