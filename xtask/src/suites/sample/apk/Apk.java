import com.android.apksig.ApkSigner;
import com.android.apksig.ApkVerifier;
import com.android.apksig.KeyConfig;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;

/**
 * Packs an APK as the Android Gradle plugin does, and signs and verifies it with the plugin's own library:
 *
 * <pre>
 * pack   APK MIN_SDK KEY_STORE PASSWORD RESOURCES DEX NAME=LIBRARY…
 * verify APK MIN_SDK
 * </pre>
 */
final class Apk {
    /** Pages of Android devices have up to 16 KiB. */
    private static final int PAGE = 16 * 1024;

    public static void main(String[] arguments) throws Exception {
        File apk = new File(arguments[1]);
        int minSdk = Integer.parseInt(arguments[2]);
        switch (arguments[0]) {
            case "pack" -> {
                File unsigned = new File(apk.getPath() + ".unsigned");
                pack(unsigned, new File(arguments[5]), new File(arguments[6]), arguments, 7);
                sign(unsigned, apk, minSdk, arguments[3], arguments[4].toCharArray());
                Files.delete(unsigned.toPath());
            }
            case "verify" -> verify(apk, minSdk);
            default -> throw new IllegalArgumentException(arguments[0]);
        }
    }

    private static void pack(File out, File resources, File dex, String[] libraries, int first) throws IOException {
        Set<String> names = new HashSet<>();
        try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(out.toPath()))) {
            for (File source : List.of(dex, resources)) {
                try (ZipFile parts = new ZipFile(source)) {
                    for (ZipEntry entry : (Iterable<ZipEntry>) parts.stream().map(e -> (ZipEntry) e)::iterator) {
                        if (entry.isDirectory() || isOnlyForCompilers(entry.getName())) continue;
                        if (!names.add(entry.getName())) throw new IOException(entry.getName() + " is there twice");
                        boolean store = source == resources && entry.getMethod() == ZipEntry.STORED;
                        try (InputStream content = parts.getInputStream(entry)) {
                            add(zip, entry.getName(), content.readAllBytes(), store);
                        }
                    }
                }
            }
            for (int i = first; i < libraries.length; i++) {
                String[] library = libraries[i].split("=", 2);
                add(zip, library[0], Files.readAllBytes(Path.of(library[1])), true);
            }
        }
    }

    /** What the plugin leaves out of an app, of the Java resources of its libraries. */
    private static boolean isOnlyForCompilers(String name) {
        return name.endsWith(".kotlin_module") || name.endsWith(".kotlin_metadata")
            || name.startsWith("META-INF/com.android.tools/") || name.startsWith("META-INF/proguard/")
            || name.startsWith("META-INF/maven/") || name.startsWith("META-INF/versions/")
            || name.equals("META-INF/MANIFEST.MF") || name.contains("LICENSE");
    }

    /** Android maps the table of resources and the libraries from the file itself, so that they are not compressed. */
    private static void add(ZipOutputStream zip, String name, byte[] content, boolean store) throws IOException {
        ZipEntry entry = new ZipEntry(name);
        entry.setTime(0);
        if (store || name.equals("resources.arsc")) {
            CRC32 crc = new CRC32();
            crc.update(content);
            entry.setMethod(ZipEntry.STORED);
            entry.setSize(content.length);
            entry.setCrc(crc.getValue());
        }
        zip.putNextEntry(entry);
        zip.write(content);
        zip.closeEntry();
    }

    /** The signer aligns what is stored. */
    private static void sign(File in, File out, int minSdk, String store, char[] password) throws Exception {
        KeyStore keys = KeyStore.getInstance(new File(store), password);
        String alias = keys.aliases().nextElement();
        X509Certificate certificate = (X509Certificate) keys.getCertificate(alias);
        ApkSigner.SignerConfig signer = new ApkSigner.SignerConfig.Builder(
            "notes", new KeyConfig.Jca((PrivateKey) keys.getKey(alias, password)), List.of(certificate)).build();
        new ApkSigner.Builder(List.of(signer))
            .setInputApk(in).setOutputApk(out).setMinSdkVersion(minSdk)
            .setV1SigningEnabled(false).setV2SigningEnabled(true).setV3SigningEnabled(false)
            .setV4SigningEnabled(false)
            .setAlignmentPreserved(false).setLibraryPageAlignmentBytes(PAGE)
            .build().sign();
    }

    private static void verify(File apk, int minSdk) throws Exception {
        ApkVerifier.Result result = new ApkVerifier.Builder(apk).setMinCheckedPlatformVersion(minSdk).build().verify();
        if (!result.isVerified() || result.containsErrors()) {
            System.err.println("refused: " + result.getAllErrors());
            System.exit(1);
        }
        String scheme = result.isVerifiedUsingV2Scheme() ? "v2" : "of another scheme";
        System.out.println("verified " + scheme + ", " + result.getSignerCertificates().size() + " signer, warnings: "
            + result.getWarnings());
    }
}
